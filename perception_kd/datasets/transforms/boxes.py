"""Annotated boxes: loading, augmentation with the points, and range filtering."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.datasets.transforms.base import Transform
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Array, Mask, Sample
from perception_kd.utils.checks import check_at_least, check_shape


def make_boxes(values: Array) -> LiDARInstance3DBoxes:
    """Return boxes from the values in an info file.

    Args:
        values: Gravity center (x, y, z) m, length, width, height m, yaw rad from x to
            y, velocity (x, y) m/s; shape (G, 9).
    """
    tensor = torch.as_tensor(np.asarray(values, np.float32).reshape(-1, 9))
    return LiDARInstance3DBoxes(tensor, box_dim=9, origin=(0.5, 0.5, 0.5))


def move_boxes(boxes: LiDARInstance3DBoxes, matrix: Array) -> LiDARInstance3DBoxes:
    """Transform boxes exactly: center, size, heading and velocity.

    mmdet3d's ``rotate``, ``flip``, ``scale`` and ``translate`` work in place and one at
    a time; here the map is any product of them.

    Args:
        boxes: Boxes with velocity; they are not modified.
        matrix: Transform from current to augmented LiDAR coordinates, shape
            (4, 4): one scale for all axes, rotation about z, flips of x and y,
            translation.

    Returns:
        New boxes in the same order.

    Raises:
        ValueError: If the matrix is another map: boxes would not stay upright.
    """
    linear, scale = matrix[:3, :3], float(matrix[2, 2])
    upright = np.allclose(linear[2, :2], 0) and np.allclose(linear[:2, 2], 0)
    if not (scale > 0 and upright and np.allclose(linear @ linear.T, scale**2 * np.eye(3))):
        raise ValueError(
            "Boxes can follow a uniform scale, a rotation about z, flips of x and y and a "
            f"translation, but got the matrix {matrix.tolist()}."
        )
    values = boxes.tensor.numpy().astype(np.float64)
    moved = values.copy()
    # The center of the bottom moves like any point: z keeps its direction.
    moved[:, :3] = values[:, :3] @ linear.T + matrix[:3, 3]
    moved[:, 3:6] = values[:, 3:6] * scale
    heading = np.stack([np.cos(values[:, 6]), np.sin(values[:, 6])], axis=1) @ linear[:2, :2].T
    moved[:, 6] = np.arctan2(heading[:, 1], heading[:, 0])
    moved[:, 7:9] = values[:, 7:9] @ linear[:2, :2].T
    return LiDARInstance3DBoxes(torch.from_numpy(moved.astype(np.float32)), box_dim=9)


@TRANSFORMS.register_module()
class LoadBoxes(Transform):
    """Load the annotated boxes that a detector should find.

    Reads: ``instances``. Writes: ``gt_bboxes_3d``, ``gt_labels_3d``.

    Args:
        use_valid_flag: Keep boxes with a LiDAR or radar point, as in mmdet3d; if False,
            boxes with a LiDAR point. Boxes of other classes are always dropped.
        min_points: Smallest number of LiDAR points in a box.

    Raises:
        ValueError: If ``min_points`` is negative.
    """

    def __init__(self, use_valid_flag: bool = True, min_points: int = 0) -> None:
        check_at_least("min_points", min_points, 0)
        self.use_valid_flag = use_valid_flag
        self.min_points = min_points

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with its boxes, possibly none.

        Raises:
            ValueError: If the dataset does not give boxes.
        """
        if "instances" not in sample:
            raise ValueError("LoadBoxes needs a dataset built with with_boxes=True.")
        boxes = sample["instances"]
        valid = boxes["is_valid"] if self.use_valid_flag else boxes["num_lidar_pts"] > 0
        keep = valid & (boxes["num_lidar_pts"] >= self.min_points) & (boxes["labels_3d"] >= 0)
        return {
            **sample,
            "gt_bboxes_3d": make_boxes(boxes["bboxes_3d"][keep]),
            "gt_labels_3d": boxes["labels_3d"][keep],
        }


@TRANSFORMS.register_module()
class CropBoxesToRange(Transform):
    """Keep the boxes whose center is in range in bird's-eye view.

    Reads, writes: ``gt_bboxes_3d``, ``gt_labels_3d``.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` in m, lower
            bounds included; z is ignored, as in mmdet3d.

    Raises:
        ValueError: If there are not six bounds.
    """

    def __init__(self, point_cloud_range: Sequence[float]) -> None:
        bounds = np.asarray(point_cloud_range, dtype=np.float64)
        check_shape("point_cloud_range", bounds, (6,))
        self.lower, self.upper = bounds[:2], bounds[3:5]

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample without the boxes out of range."""
        centers = sample["gt_bboxes_3d"].tensor[:, :2].numpy()
        return _select_boxes(sample, ((centers >= self.lower) & (centers < self.upper)).all(axis=1))


def _select_boxes(sample: Sample, keep: Mask) -> Sample:
    return {
        **sample,
        "gt_bboxes_3d": sample["gt_bboxes_3d"][torch.from_numpy(keep)],
        "gt_labels_3d": sample["gt_labels_3d"][keep],
    }
