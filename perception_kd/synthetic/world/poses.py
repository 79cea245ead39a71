"""Poses as 4x4 matrices."""

import numpy as np

from perception_kd.structures import Array


def pose_matrix(
    yaw: float, translation: tuple[float, float, float], tilt: Array | None = None
) -> Array:
    """Return a rigid transform that rotates by ``tilt`` about x, y, z, then by the yaw.

    Args:
        yaw: Rotation about z in rad, counter-clockwise.
        translation: x, y, z in m.
        tilt: Small angles about x, y, z in rad, shape (3,); none by default.

    Returns:
        Matrix, shape (4, 4).
    """
    matrix = np.eye(4)
    angles = [*(np.zeros(3) if tilt is None else tilt), yaw]
    for axis, angle in zip((0, 1, 2, 2), angles, strict=True):
        rotation = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        rotation[i, i] = rotation[j, j] = np.cos(angle)
        rotation[j, i], rotation[i, j] = np.sin(angle), -np.sin(angle)
        matrix[:3, :3] = rotation @ matrix[:3, :3]
    matrix[:3, 3] = translation
    return matrix
