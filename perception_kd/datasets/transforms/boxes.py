"""Boxes in the LiDAR frame, as mmdet3d has them, under maps of that frame."""

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.geometry.rigid import Array


def make_boxes(values: Array) -> LiDARInstance3DBoxes:
    """Return boxes of info files' values.

    Args:
        values: Gravity center (x, y, z) m, length, width, height m, yaw rad from x to
            y, velocity (x, y) m/s; shape (K, 9).
    """
    tensor = torch.as_tensor(np.asarray(values, np.float32).reshape(-1, 9))
    return LiDARInstance3DBoxes(tensor, box_dim=9, origin=(0.5, 0.5, 0.5))


def move_boxes(boxes: LiDARInstance3DBoxes, matrix: Array) -> LiDARInstance3DBoxes:
    """Move boxes with the frame: center, size, heading and velocity, exactly.

    mmdet3d's own ``rotate``, ``flip``, ``scale`` and ``translate`` work in place, one
    at a time; here the map is any product of them.

    Args:
        boxes: With velocity, left as they are.
        matrix: Augmented from present LiDAR frame, shape (4, 4): one scale for all
            axes, rotation about z, flips of x and y, translation.

    Returns:
        New boxes in the same order.

    Raises:
        ValueError: If the matrix is another map: a box would not stay an upright box.
    """
    linear, scale = matrix[:3, :3], float(matrix[2, 2])
    upright = np.allclose(linear[2, :2], 0) and np.allclose(linear[:2, 2], 0)
    if not (scale > 0 and upright and np.allclose(linear @ linear.T, scale**2 * np.eye(3))):
        raise ValueError(
            "matrix must scale all axes alike, turn about z, flip x or y and translate, for boxes "
            f"to follow, but got {matrix.tolist()}."
        )
    values = boxes.tensor.numpy().astype(np.float64)
    moved = values.copy()
    # The center of the bottom follows as any point does: z keeps its direction.
    moved[:, :3] = values[:, :3] @ linear.T + matrix[:3, 3]
    moved[:, 3:6] = values[:, 3:6] * scale
    heading = np.stack([np.cos(values[:, 6]), np.sin(values[:, 6])], axis=1) @ linear[:2, :2].T
    moved[:, 6] = np.arctan2(heading[:, 1], heading[:, 0])
    moved[:, 7:9] = values[:, 7:9] @ linear[:2, :2].T
    return LiDARInstance3DBoxes(torch.from_numpy(moved.astype(np.float32)), box_dim=9)
