"""Check that sensors and labels fit together: points on images, and points in boxes."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.projection import project_points
from perception_kd.structures import Array

FEW = 0.02  # of the points, on one image


def share_on_image(
    positions: Array, lidar2cam: Array, cam2img: Array, size: tuple[int, int]
) -> float:
    """Return the share of points that project into an image, in [0, 1].

    Args:
        positions: Point positions in LiDAR coordinates in m, shape (N, 3).
        lidar2cam: Rigid transform, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
        size: Height and width of the image in px.
    """
    with np.errstate(all="ignore"):
        return float(project_points(positions, lidar2cam, cam2img, size).visible.mean())


def guess_cause(positions: Array, lidar2cam: Array, cam2img: Array, size: tuple[int, int]) -> str:
    """Return the mistake whose correction brings most points onto an image.

    Args:
        positions: Point positions in LiDAR coordinates in m, shape (N, 3).
        lidar2cam: Rigid transform, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
        size: Height and width of the image in px.

    Returns:
        The probable cause; empty if no correction helps.
    """
    if not (np.isfinite(lidar2cam).all() and np.isfinite(cam2img).all()):
        return "the calibration is not finite"
    axes = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    scaled = cam2img.copy()
    middle = cam2img[:2, 2].clip(min=1e-6)
    scaled[:2] *= (np.array([size[1], size[0]]) / 2 / middle)[:, None]
    tries = {
        "lidar2cam is stored the other way round, as cam2lidar": (_invert(lidar2cam), cam2img),
        "lidar2cam leads to axes x forward, y left, z up": (axes @ lidar2cam, cam2img),
        "cam2img is for an image of another size": (lidar2cam, scaled),
        "lidar2cam is transposed": (lidar2cam.T, cam2img),
    }
    shares = {
        cause: share_on_image(positions, matrix, intrinsics, size)
        for cause, (matrix, intrinsics) in tries.items()
    }
    best = max(shares, key=lambda cause: shares[cause])
    return f"perhaps {best}" if shares[best] > 2 * FEW else ""


def _invert(matrix: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(matrix), float)
    except np.linalg.LinAlgError:
        return matrix


def count_in_boxes(positions: Array, boxes: Array) -> NDArray[np.int64]:
    """Count the points in each box.

    Args:
        positions: Point positions in LiDAR coordinates in m, shape (N, 3).
        boxes: Gravity center (x, y, z), length, width, height in m and yaw in rad,
            shape (G, 7).

    Returns:
        Numbers of points, shape (G,).
    """
    counts = [find_in_box(positions, box).sum() for box in boxes]
    return np.array(counts, np.int64)


def find_in_box(positions: Array, box: Array) -> NDArray[np.bool_]:
    """Return the mask of the points in a box, (N,).

    Args:
        positions: Point positions in LiDAR coordinates in m, shape (N, 3).
        box: As one of :func:`count_in_boxes`, shape (7,).
    """
    x, y, z, length, width, height, yaw = box
    offset = positions - (x, y, z)
    along = offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw)
    across = offset[:, 1] * np.cos(yaw) - offset[:, 0] * np.sin(yaw)
    inside: NDArray[np.bool_] = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    return inside & (np.abs(offset[:, 2]) <= height / 2)
