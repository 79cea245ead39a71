"""Projection of LiDAR points onto images, for NumPy arrays and tensors."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, Literal, get_args

import numpy as np

from perception_kd.geometry.rigid import ArrayOrTensor, transform_points
from perception_kd.utils.checks import check_shape

Border = Literal["slidr", "pixel", "none"]


@dataclass(frozen=True)
class Projection(Generic[ArrayOrTensor]):
    """Positions of points on one image, in the order of the points.

    Attributes:
        pixels: ``(u, v)`` = (column, row) in px, shape (N, 2). Finite where the points
            are, but without meaning where a point is not visible.
        depth: Distance along the optical axis in m, shape (N,).
        visible: Whether a point is in front of the camera and on the image, bool, shape
            (N,).
    """

    pixels: ArrayOrTensor
    depth: ArrayOrTensor
    visible: ArrayOrTensor


def project_points(
    points: ArrayOrTensor,
    lidar2cam: ArrayOrTensor,
    cam2img: ArrayOrTensor,
    img_shape: tuple[int, int],
    min_depth: float = 1.0,
    border: Border = "slidr",
) -> Projection[ArrayOrTensor]:
    """Project LiDAR points onto one pinhole image.

    Occlusion is not resolved: a point behind a truck is as visible as the truck.

    Convention:
        - ``lidar2cam`` includes the ego motion between the two sensors' timestamps.
        - The camera looks along +z, with x to the right and y down.
        - ``(u, v)`` is (column, row); the center of the top-left pixel is (0, 0).
        - A visible point is deeper than ``min_depth``, strictly, and on the image by
          the rule of ``border``.

    Args:
        points: Positions in LiDAR coordinates in m, array or tensor, shape (N, 3). NaN
            and infinity are never visible.
        lidar2cam: Rigid transform, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3). Tensors must share their dtype.
        img_shape: Height and width of the image in px.
        min_depth: Points nearer to the camera, in m, are not visible: returns from the
            ego vehicle itself.
        border: Points that are on the image. "slidr": ``0 < u < W - 1`` and ``0 < v < H
            - 1``, strictly, the rule of SLidR's published code, which leaves out the
            outer half of the border pixels. "pixel": the nearest pixel, ``floor(u +
            0.5)``, is on the image. "none": all points in front of the camera.

    Returns:
        One entry per point.

    Raises:
        ValueError: If an argument has the wrong shape, ``min_depth`` is not positive,
            or ``border`` is unknown.

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
    if border not in get_args(Border):
        raise ValueError(f'border must be one of {get_args(Border)}, but got "{border}".')
    library: Any = np if isinstance(points, np.ndarray) else import_module("torch")

    points_cam = transform_points(points, lidar2cam)
    depth = points_cam[:, 2]
    in_front = (depth > min_depth) & library.isfinite(depth)  # NaN compares false
    # Dividing by 1 where the point is not in front keeps every value finite.
    divisor = library.where(in_front, depth, 1.0)
    pixels = (library.nan_to_num(points_cam / divisor[:, None]) @ cam2img.T)[:, :2]
    visible = in_front & _on_image(pixels, img_shape, border, library)
    return Projection(pixels, depth, visible)


def _on_image(pixels: Any, img_shape: tuple[int, int], border: Border, library: Any) -> Any:
    """Return a mask of pixels (N, 2) on the image by a rule of ``project_points``."""
    height, width = img_shape
    u, v = pixels.T
    if border == "slidr":
        return (u > 0) & (u < width - 1) & (v > 0) & (v < height - 1)
    if border == "pixel":
        col, row = library.floor(u + 0.5), library.floor(v + 0.5)
        return (col >= 0) & (col < width) & (row >= 0) & (row < height)
    return library.ones_like(u, dtype=bool)
