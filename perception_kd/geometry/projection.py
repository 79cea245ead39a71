"""LiDAR points to pixels, with one rule of which points are on an image."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import Array, transform_points
from perception_kd.utils.checks import check_shape


class Projection(NamedTuple):
    """Where points fall on one image, in the order of the points.

    Attributes:
        pixels: ``(u, v)`` = (column, row) in px, shape (N, 2). Finite, but without
            meaning where a point is not visible.
        depth: Distance along the optical axis in m, shape (N,).
        visible: Whether a point is in front of the camera and on the image, shape (N,).
    """

    pixels: Array
    depth: Array
    visible: NDArray[np.bool_]


def project_points(
    points: NDArray[np.floating[Any]],
    lidar2cam: Array,
    cam2img: Array,
    img_shape: tuple[int, int],
    min_depth: float = 1.0,
) -> Projection:
    """Project LiDAR points onto one pinhole image.

    Occlusion is not resolved: a point behind a truck is as visible as the truck.

    Convention:
        - ``lidar2cam`` includes the ego motion between the two sensors' timestamps.
        - The camera looks along +z, with x to the right and y down.
        - ``(u, v)`` is (column, row); the center of the top-left pixel is (0, 0).
        - A point is on the image where ``0 < u < W - 1`` and ``0 < v < H - 1``,
          strictly, and deeper than ``min_depth``, strictly: the rule of SLidR's
          published code. It leaves out the outer half of the border pixels.

    Args:
        points: Positions in the LiDAR frame in m, shape (N, 3). NaN is never visible.
        lidar2cam: Rigid transform, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
        img_shape: Height and width of the image in px.
        min_depth: Points nearer to the camera, in m, are not visible: returns from the
            ego vehicle itself.

    Returns:
        One entry per point.

    Raises:
        ValueError: If an argument has the wrong shape, or ``min_depth`` is not
            positive.

    Example:
        >>> cam2img = np.array([[10.0, 0, 4], [0, 10, 3], [0, 0, 1]])
        >>> ahead = np.array([[0.0, 0.0, 5.0]])
        >>> project_points(ahead, np.eye(4), cam2img, img_shape=(6, 8)).pixels
        array([[4., 3.]])
    """
    check_shape("points", points, ("N", 3))
    check_shape("cam2img", cam2img, (3, 3))
    if min_depth <= 0:
        raise ValueError(f"min_depth must be positive, but got {min_depth}.")

    points_cam = transform_points(points, lidar2cam)
    depth = points_cam[:, 2]
    in_front = depth > min_depth  # NaN compares false

    # Dividing by 1 where the point is not in front keeps every value finite.
    divisor = np.where(in_front, depth, 1.0)
    pixels = np.nan_to_num(points_cam / divisor[:, None]) @ cam2img[:2].T

    height, width = img_shape
    u, v = pixels.T
    on_image = (u > 0) & (u < width - 1) & (v > 0) & (v < height - 1)
    return Projection(pixels, depth, in_front & on_image)
