"""Catalog of the known data sets.

A further data set is an entry of ``DATA_SETS`` and a package beside ``folder``,
``nuscenes`` and ``semantickitti`` with three modules: ``command``, which has
``add_arguments(parser)`` and ``run(args)``, ``description``, which has ``DATA_SET``,
and ``source``, which has ``recognize(root, out, version)``. The entry gives it a
command of ``tools/create_data.py``, pre-training in one call, settings of regions, and
all that training and evaluation look up by its name.

Importing this module imports neither the data sets nor NumPy.
"""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from perception_kd.datasets.data_set import DataSet
    from perception_kd.datasets.source import Source


class Entry(NamedTuple):
    """A known data set.

    Attributes:
        package: Its package.
        about: What its command of ``tools/create_data.py`` makes.
        data: What its data are, in the plural, for messages.
        lidar_height: Height of the LiDAR's origin over the ground in m; None for
            LiDARs of any kind, whose height and tilt are measured.
        title: Name as its owners write it; empty for recordings of anybody.
        license: License of the data that its owners publish; empty likewise.
    """

    package: str
    about: str
    data: str
    lidar_height: float | None = None
    title: str = ""
    license: str = ""

    @property
    def command(self) -> str:
        """Module of the command."""
        return f"{self.package}.command"

    def load(self) -> DataSet:
        """Import and return the description."""
        description: DataSet = importlib.import_module(f"{self.package}.description").DATA_SET
        return description

    def recognize(self, root: Path, out: Path, version: str) -> Source | None:
        """Return data as a source of this kind; None if they are of another kind.

        Args:
            root: Folder of the data, or the file of a bag.
            out: Folder of results, where a rig file may be.
            version: Folder of nuScenes' tables; "" takes the only one.
        """
        module = importlib.import_module(f"{self.package}.source")
        source: Source | None = module.recognize(root, out, version)
        return source


DATA_SETS = {
    "folder": Entry(
        "perception_kd.datasets.folder",
        "info files of a folder with a car's recording, described by a rig file",
        "folders with a rig file",
    ),
    "nuscenes": Entry(
        "perception_kd.datasets.nuscenes",
        "info files of nuScenes, or of a data set in its format",
        "nuScenes' tables",
        lidar_height=1.84,
        title="nuScenes",
        license="CC BY-NC-SA 4.0 (non-commercial)",
    ),
    "semantickitti": Entry(
        "perception_kd.datasets.semantickitti",
        "info files of SemanticKITTI, or of a data set in its format",
        "SemanticKITTI's sequences",
        # By the sketch of KITTI's vehicle.
        lidar_height=1.73,
        title="SemanticKITTI",
        license="CC BY-NC-SA (non-commercial)",
    ),
}
# Data sets, and recordings that become one of them; data are recognized in this order.
SOURCES = DATA_SETS | {
    "rosbag": Entry(
        "perception_kd.datasets.rosbag",
        "info files of a ROS bag, which it writes as a folder",
        "ROS bags",
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
