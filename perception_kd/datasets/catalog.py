"""Catalog of the known data sets.

A further data set is an entry of ``DATA_SETS`` and a package beside ``folder``,
``nuscenes`` and ``semantickitti`` with two modules: ``command``, which has
``add_arguments(parser)`` and ``run(args)``, and ``description``, which has
``DATA_SET``. The entry gives it a command of ``tools/create_data.py`` and all that
training and evaluation look up by its name.

Importing this module imports neither the data sets nor NumPy.
"""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from perception_kd.datasets.data_set import DataSet


class Entry(NamedTuple):
    """A known data set.

    Attributes:
        package: Its package, which has the modules ``command`` and ``description``.
        about: What its command of ``tools/create_data.py`` makes.
    """

    package: str
    about: str

    @property
    def command(self) -> str:
        """Module of the command."""
        return f"{self.package}.command"

    def load(self) -> DataSet:
        """Import and return the description."""
        description: DataSet = importlib.import_module(f"{self.package}.description").DATA_SET
        return description


DATA_SETS = {
    "folder": Entry(
        "perception_kd.datasets.folder",
        "info files of a folder with a car's recording, described by a rig file",
    ),
    "nuscenes": Entry(
        "perception_kd.datasets.nuscenes",
        "info files of nuScenes, or of a data set in its format",
    ),
    "semantickitti": Entry(
        "perception_kd.datasets.semantickitti",
        "info files of SemanticKITTI, or of a data set in its format",
    ),
}


def find_data_set(name: str) -> DataSet | None:
    """Return the description of a data set, or None if it is unknown.

    Args:
        name: As ``metainfo["dataset"]`` of an info file has it, in upper or lower case.
    """
    entry = DATA_SETS.get(name.lower())
    return None if entry is None else entry.load()


def get_data_set(name: str) -> DataSet:
    """Return the description of a data set.

    Args:
        name: As ``metainfo["dataset"]`` of an info file has it, in upper or lower case.

    Raises:
        ValueError: If the data set is unknown.
    """
    data_set = find_data_set(name)
    if data_set is None:
        raise ValueError(
            f"Unknown data set {name!r}; known ones are {', '.join(DATA_SETS)}. Describe another "
            "one in perception_kd/datasets/catalog.py."
        )
    return data_set


def creation_command(ann_file: str, data_root: str, info_root: str) -> str:
    """Return the shell command that makes an info file.

    Args:
        ann_file: Name of the info file, ``{data set}_infos_{split}.pkl``.
        data_root: Folder of the data set.
        info_root: Folder of the info file.

    Returns:
        The command. If the file has the name of no known data set, the command has all
        names to choose from.
    """
    name = Path(ann_file).name.partition("_infos_")[0]
    words = ["python", "tools/create_data.py", name, "--root", data_root, "--out-dir", info_root]
    if name not in DATA_SETS:
        words[2] = f"{{{','.join(DATA_SETS)}}}"
    elif versions := DATA_SETS[name].load().versions:
        present = [version for version in versions if Path(data_root, version).is_dir()]
        words[3:3] = ["--version", (present or versions)[0]]
    return shlex.join(words[:2]) + f" {words[2]} " + shlex.join(words[3:])
