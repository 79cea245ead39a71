"""Poses as matrices and as nuScenes' tables hold them."""

import numpy as np

from perception_kd.geometry.rigid import Array


def pose_matrix(
    yaw: float, translation: tuple[float, float, float], tilt: Array | None = None
) -> Array:
    """Return a 4x4 matrix: rotations by ``tilt`` about x, y, z first, then the yaw.

    Args:
        yaw: Counter-clockwise about z in rad.
        translation: In m.
        tilt: Small angles about x, y, z in rad, shape (3,).
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


def translation_rotation(matrix: Array) -> dict[str, list[float]]:
    """Return translation and unit quaternion (w, x, y, z), as the tables hold them."""
    r = matrix[:3, :3]
    # The quaternion is the leading eigenvector of this matrix (Bar-Itzhack, 2000).
    k = np.zeros((4, 4))
    k[1:, 1:] = r + r.T - np.trace(r) * np.eye(3)
    k[0, 1:] = k[1:, 0] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    k[0, 0] = np.trace(r)
    quaternion = np.linalg.eigh(k)[1][:, -1]
    return {"translation": matrix[:3, 3].tolist(), "rotation": quaternion.tolist()}
