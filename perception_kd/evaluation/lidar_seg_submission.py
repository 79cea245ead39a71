"""Submission of predicted point classes to the official evaluations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.catalog import get_data_set
from perception_kd.datasets.submission import Submission
from perception_kd.io.point_files.readers import count_stored_points
from perception_kd.structures import Indices


def make_submission(
    folder: str | Path, dataset_meta: Mapping[str, Any], meta: Mapping[str, bool] | None = None
) -> Submission:
    """Return the writer of a data set's submission.

    Args:
        folder: Folder of the submission.
        dataset_meta: ``metainfo`` of the data set, with ``dataset`` and ``version``.
        meta: Entries of the submission's own ``meta``, for a data set that has one.

    Raises:
        ValueError: If the data set has its own label mapping or classes, which no
            official evaluation knows, or is not in the catalog.
    """
    if "seg_classes" not in dataset_meta:
        raise ValueError(
            "A submission needs the official classes, but the dataset has its own label_mapping; "
            "remove it."
        )
    data_set = get_data_set(dataset_meta["dataset"])
    if tuple(dataset_meta["seg_classes"]) != data_set.seg_classes:
        raise ValueError(
            f"A submission needs the official classes {', '.join(data_set.seg_classes)}, but the "
            f"dataset has {', '.join(dataset_meta['seg_classes'])}; leave --classes out."
        )
    return data_set.make_submission(folder, dataset_meta["version"], meta)


def classes_of_file(
    sample: Mapping[str, Any], predicted: Indices, num_classes: int
) -> tuple[Indices, int]:
    """Return a class for every row of a sweep's file.

    Official evaluations require one per row. Points that were dropped in loading, or
    that the network did not see, get the most frequent class of the sweep.

    Args:
        sample: Data sample as a dict, with ``lidar_path``, ``point_layout`` and
            ``original_points``.
        predicted: Class of each loaded point; values outside [0, C) mean no prediction.
        num_classes: C.

    Returns:
        Classes in [0, C), one per row, and the number of rows without a prediction.
    """
    num_rows = count_stored_points(sample["lidar_path"], sample["point_layout"])
    row = np.asarray(sample["original_points"])
    known = (row >= 0) & (predicted >= 0) & (predicted < num_classes)
    most_frequent = np.bincount(predicted[known], minlength=num_classes).argmax()
    classes = np.full(num_rows, most_frequent, dtype=np.int64)
    classes[row[known]] = predicted[known]
    return classes, num_rows - int(known.sum())
