"""Catalog of the known data sets.

A further data set is an entry of ``DATA_SETS`` and a package beside ``nuscenes`` and
``semantickitti`` with its converter, labels, splits and submission.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from perception_kd.datasets.nuscenes.labels import (
    NUSCENES_CLASSES,
    NUSCENES_TASK_CLASSES,
    nuscenes_label_mapping,
)
from perception_kd.datasets.nuscenes.splits import NUSCENES_VERSIONS, split_scenes
from perception_kd.datasets.nuscenes.submission import NuScenesSubmission
from perception_kd.datasets.semantickitti.labels import (
    SEMANTICKITTI_CLASSES,
    semantickitti_label_mapping,
)
from perception_kd.datasets.semantickitti.splits import split_sequences
from perception_kd.datasets.semantickitti.submission import SemanticKITTISubmission
from perception_kd.datasets.submission import Submission
from perception_kd.structures import Indices


@dataclass(frozen=True)
class DataSet:
    """Description of a data set.

    Attributes:
        name: Name in ``metainfo["dataset"]`` of its info files, which are called
            ``{name}_infos_{split}.pkl``, and of its command of
            ``tools/create_data.py``.
        command: Module of that command.
        seg_classes: Names of the classes of points, in order.
        make_label_mapping: Returns the class of each raw label of a point.
        split_scenes: Returns the names of the scenes of a version's split, from both
            names; raises a ``ValueError`` that lists the splits.
        make_submission: Returns the writer of a submission of point classes, from its
            folder, the data set's version and entries of the submission's ``meta``.
        box_classes: Names of the classes that detectors learn by default.
        versions: Names of the versions, which are folders of the data set; empty where
            its converter has no ``--version``.
    """

    name: str
    command: str
    seg_classes: tuple[str, ...]
    make_label_mapping: Callable[[], Indices]
    split_scenes: Callable[[str, str], list[str]]
    make_submission: Callable[[str | Path, str, Mapping[str, bool] | None], Submission]
    box_classes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


NUSCENES = DataSet(
    name="nuscenes",
    command="perception_kd.datasets.nuscenes.command",
    seg_classes=NUSCENES_CLASSES,
    make_label_mapping=nuscenes_label_mapping,
    split_scenes=split_scenes,
    make_submission=NuScenesSubmission,
    box_classes=NUSCENES_TASK_CLASSES,
    versions=NUSCENES_VERSIONS,
)

SEMANTICKITTI = DataSet(
    name="semantickitti",
    command="perception_kd.datasets.semantickitti.command",
    seg_classes=SEMANTICKITTI_CLASSES,
    make_label_mapping=semantickitti_label_mapping,
    split_scenes=split_sequences,
    make_submission=SemanticKITTISubmission,
)

DATA_SETS = {data_set.name: data_set for data_set in (NUSCENES, SEMANTICKITTI)}


def get_data_set(name: str) -> DataSet:
    """Return the description of a data set.

    Args:
        name: As ``metainfo["dataset"]`` of an info file has it, in upper or lower case.

    Raises:
        ValueError: If the data set is unknown.
    """
    data_set = DATA_SETS.get(name.lower())
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
    elif versions := DATA_SETS[name].versions:
        present = [version for version in versions if Path(data_root, version).is_dir()]
        words[3:3] = ["--version", (present or versions)[0]]
    return shlex.join(words[:2]) + f" {words[2]} " + shlex.join(words[3:])
