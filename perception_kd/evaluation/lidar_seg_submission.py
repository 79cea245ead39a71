"""Predicted classes as the files that the official evaluations take."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.semantic_labels import (
    NUSCENES_CLASSES,
    SEMANTICKITTI_CLASSES,
    semantickitti_raw_labels,
)
from perception_kd.datasets.splits import evaluation_set
from perception_kd.io.readers import count_stored_points

_evaluation_set = cache(evaluation_set)


class Submission(Protocol):
    """What a data set's official evaluation reads."""

    num_classes: int

    def write(self, sample: Mapping[str, Any], classes: NDArray[np.int64]) -> str:
        """Write the classes of all points of a sweep's file; return where they count.

        Args:
            sample: Data sample as a dict, with the meta keys of ``docs/sample.md``.
            classes: Class of each row of the file, in [0, C), shape (N,).
        """

    def finish(self, parts: Iterable[str]) -> None:
        """Write what a submission needs once, given all that ``write`` returned."""


class NuScenesSubmission:
    """``lidarseg/{set}/{token}_lidarseg.bin`` and ``{set}/submission.json``.

    The set is the devkit's name of the split that the sample's scene is in. A label is
    one byte, 1 to 16 in the devkit's order.

    Args:
        folder: Folder of the submission.
        version: Version of nuScenes.
        meta: Entries of the submission's ``meta`` that are not as for a network that
            sees LiDAR alone, such as ``dict(use_external=True)``.

    Raises:
        ValueError: If ``meta`` has an unknown entry.
    """

    num_classes = len(NUSCENES_CLASSES)

    def __init__(
        self, folder: str | Path, version: str, meta: Mapping[str, bool] | None = None
    ) -> None:
        self.folder, self.version = Path(folder), version
        inputs = ("camera", "lidar", "radar", "map", "external")
        self.meta = {f"use_{name}": name == "lidar" for name in inputs}
        unknown = set(meta or ()) - self.meta.keys()
        if unknown:
            known = ", ".join(self.meta)
            raise ValueError(f"meta must have entries of {known}, but got {sorted(unknown)}.")
        self.meta.update(meta or {})

    def write(self, sample: Mapping[str, Any], classes: NDArray[np.int64]) -> str:
        """Write one file; return the name of the set."""
        part = _evaluation_set(self.version, sample["scene_name"])
        path = self.folder / "lidarseg" / part / f"{sample['lidar_token']}_lidarseg.bin"
        _write(path, (classes + 1).astype(np.uint8))
        return part

    def finish(self, parts: Iterable[str]) -> None:
        """Write the description of each set."""
        for part in set(parts):
            path = self.folder / part / "submission.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"meta": self.meta}, indent=2) + "\n", encoding="utf-8")


class SemanticKITTISubmission:
    """``sequences/{sequence}/predictions/{frame}.label``.

    A label is the data set's raw one, as little-endian uint32.

    Args:
        folder: Folder of the submission.
    """

    num_classes = len(SEMANTICKITTI_CLASSES)

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._raw_labels = semantickitti_raw_labels().astype("<u4")

    def write(self, sample: Mapping[str, Any], classes: NDArray[np.int64]) -> str:
        """Write one file; return the sequence."""
        sequence, frame = str(sample["scene_name"]), Path(sample["lidar_path"]).stem
        path = self.folder / "sequences" / sequence / "predictions" / f"{frame}.label"
        _write(path, self._raw_labels[classes])
        return sequence

    def finish(self, parts: Iterable[str]) -> None:
        """Do nothing: the files are all that is asked for."""


def make_submission(
    folder: str | Path, dataset_meta: Mapping[str, Any], meta: Mapping[str, bool] | None = None
) -> Submission:
    """Return the submission of a data set.

    Args:
        folder: Folder of the submission.
        dataset_meta: ``metainfo`` of the data set, with ``dataset`` and ``version``.
        meta: As in :class:`NuScenesSubmission`, and only for it.

    Raises:
        ValueError: If the data set has a mapping of labels of its own, which no
            official evaluation knows.
    """
    if "seg_classes" not in dataset_meta:
        raise ValueError(
            "label_mapping of the data set must be the official one for a submission, but it has "
            "one of its own; leave it out."
        )
    if "kitti" in str(dataset_meta["dataset"]).lower():
        return SemanticKITTISubmission(folder)
    return NuScenesSubmission(folder, dataset_meta["version"], meta)


def classes_of_file(
    sample: Mapping[str, Any], predicted: NDArray[np.int64], num_classes: int
) -> tuple[NDArray[np.int64], int]:
    """Return a class for every row of a sweep's file.

    Official evaluations want one for each. Points that were dropped in loading, or that
    the network did not see, get the class that is most frequent in the sweep.

    Args:
        sample: Data sample as a dict, with ``lidar_path``, ``num_pts_feats`` and
            ``original_points``.
        predicted: Class of each point that was loaded; what is not in [0, C) is none.
        num_classes: C.

    Returns:
        Classes in [0, C), one a row, and how many of them are so made up.
    """
    num_rows = count_stored_points(sample["lidar_path"], sample["num_pts_feats"])
    row = np.asarray(sample["original_points"])
    known = (row >= 0) & (predicted >= 0) & (predicted < num_classes)
    most_frequent = np.bincount(predicted[known], minlength=num_classes).argmax()
    classes = np.full(num_rows, most_frequent, dtype=np.int64)
    classes[row[known]] = predicted[known]
    return classes, num_rows - int(known.sum())


def _write(path: Path, labels: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels.tofile(path)
