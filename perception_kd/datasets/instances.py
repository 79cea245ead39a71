"""Annotated boxes of an info file as arrays, with the classes that detectors learn."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

# In the order of CenterPoint's six tasks; an info file counts in mmdet3d's order.
DETECTION_CLASSES = (
    "car",
    "truck",
    "construction_vehicle",
    "bus",
    "trailer",
    "barrier",
    "motorcycle",
    "bicycle",
    "pedestrian",
    "traffic_cone",
)


class Instances(TypedDict):
    """The K boxes of a sample, in the LiDAR frame.

    Attributes:
        bboxes_3d: Gravity center (x, y, z) m, length, width, height m, yaw rad,
            velocity (x, y) m/s, float64, shape (K, 9). An unknown velocity is zero, as
            in mmdet3d.
        labels_3d: Index in the data set's classes, -1 for none of them, int64, (K,).
        is_valid: Whether LiDAR or radar has a point in the box, bool, (K,).
        num_lidar_pts: LiDAR points in the box, int64, (K,).
    """

    bboxes_3d: NDArray[np.float64]
    labels_3d: NDArray[np.int64]
    is_valid: NDArray[np.bool_]
    num_lidar_pts: NDArray[np.int64]


def class_of_category(
    categories: Mapping[str, int] | None, classes: Sequence[str]
) -> dict[int, int]:
    """Return the index in ``classes`` of each category's index in an info file.

    Args:
        categories: Index of each category by name, from the head of the info file.
        classes: Names of the classes to learn, in order.

    Raises:
        ValueError: If the file has no categories, or lacks a class.
    """
    unknown = [name for name in classes if name not in (categories or {})]
    if categories is None or unknown:
        raise ValueError(
            f"metainfo.classes must be among the categories of the info file, {categories}, but "
            f"got {unknown}; boxes need an info file of annotated data."
        )
    return {categories[name]: index for index, name in enumerate(classes)}


def parse_instances(raw: Sequence[Mapping[str, Any]], class_of: Mapping[int, int]) -> Instances:
    """Return the boxes of a sample.

    Args:
        raw: ``instances`` of a sample of the info file.
        class_of: From :func:`class_of_category`.
    """
    rows = [[*box["bbox_3d"], *box.get("velocity", (0.0, 0.0))] for box in raw]
    boxes = np.array(rows, np.float64).reshape(-1, 9)
    # Velocities alone: a box at an unknown place must not end at the sensor.
    boxes[:, 7:] = np.nan_to_num(boxes[:, 7:])
    return Instances(
        bboxes_3d=boxes,
        labels_3d=np.array([class_of.get(box["bbox_label_3d"], -1) for box in raw], np.int64),
        is_valid=np.array([box["bbox_3d_isvalid"] for box in raw], bool),
        num_lidar_pts=np.array([box["num_lidar_pts"] for box in raw], np.int64),
    )
