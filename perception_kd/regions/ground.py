"""Ground of a sweep: one plane per slice of the points."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.patchwork import find_patchwork_ground
from perception_kd.regions.settings import PATCHWORKPP, RegionSettings
from perception_kd.structures import Array
from perception_kd.utils.checks import check_shape

# Seeds within a millimeter of a line do not determine a plane.
_MIN_SPREAD = 1e-3


@dataclass(frozen=True)
class Plane:
    """A plane with an upward normal.

    Attributes:
        normal: Unit vector with z >= 0, shape (3,).
        center: A point on the plane in m, shape (3,).
    """

    normal: Array
    center: Array

    def height_of(self, points: Array) -> Array:
        """Return signed distances in m, positive above the plane.

        Args:
            points: Positions in m, shape (N, 3).
        """
        return (points - self.center) @ self.normal


def fit_plane(points: Array) -> Plane | None:
    """Return the plane with the least sum of squared distances to points.

    Args:
        points: Positions in m, shape (N, 3).

    Returns:
        None if the points are on a line, or fewer than three.
    """
    if len(points) < 3:
        return None
    center = points.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(points.T, bias=True))  # ascending
    if variances[1] < _MIN_SPREAD**2:
        return None
    normal = axes[:, 0]
    # The sign of an eigenvector is arbitrary; below a downward normal all is ground.
    return Plane(normal if normal[2] >= 0 else -normal, center)


def fit_ground(points: Array, settings: RegionSettings) -> Plane | None:
    """Fit a plane to the ground among the points of one slice [1].

    - [1] Fast Segmentation of 3D Point Clouds: A Paradigm on LiDAR Data for Autonomous
      Vehicle Applications, 2017, https://doi.org/10.1109/ICRA.2017.7989591

    Args:
        points: Finite positions in m, z up, shape (N, 3).
        settings: Settings of the fit.

    Returns:
        None if the points are too few or do not determine a plane.
    """
    if len(points) < settings.min_slice_points:
        return None
    z = points[:, 2]
    candidates = points[z >= -settings.sensor_height - settings.max_depth]
    if not len(candidates):
        return None
    lowest = np.sort(candidates[:, 2])[: settings.num_lowest].mean()
    seeds = candidates[candidates[:, 2] < lowest + settings.seed_height]
    plane = fit_plane(seeds)
    for _ in range(settings.num_iterations - 1):
        if plane is None:
            return None
        seeds = seeds[plane.height_of(seeds) < settings.ground_height]
        plane = fit_plane(seeds)
    return plane


def find_ground(
    points: NDArray[np.floating[Any]], settings: RegionSettings | None = None
) -> NDArray[np.bool_]:
    """Return the mask of the ground points of a sweep.

    The points are cut into slices along x, each with its own plane. In nuScenes' sensor
    coordinates x is to the right, so a slice is a strip along the road, as in the code
    that the constants are from; in those of SemanticKITTI x is forward. Points below a
    plane are ground too.

    With the backend "patchworkpp" Patchwork++ finds the ground instead.

    Args:
        points: Finite positions in m, z up, shape (N, 3).
        settings: Settings; None uses those of nuScenes.

    Returns:
        Shape (N,). Slices with too few points have no ground, and neither have points
        beyond ``max_x``, or beyond the last slice with ``whole_slices``.

    Raises:
        ValueError: If the shape is wrong.
        ImportError: If Patchwork++ is asked for and not installed.
    """
    check_shape("points", points, ("N", 3))
    settings = settings or RegionSettings()
    if settings.ground_backend == PATCHWORKPP:
        return find_patchwork_ground(points, settings.sensor_height)
    positions = points.astype(np.float64)
    number = np.floor((positions[:, 0] + settings.max_x) / settings.slice_length)
    last = settings.max_x
    if settings.whole_slices:
        last = math.ceil(2 * last / settings.slice_length) * settings.slice_length - last
    number[(positions[:, 0] < -settings.max_x) | (positions[:, 0] > last)] = -1
    is_ground = np.zeros(len(points), dtype=bool)
    for i in np.unique(number[number >= 0]):
        rows = np.flatnonzero(number == i)
        plane = fit_ground(positions[rows], settings)
        if plane is not None:
            is_ground[rows] = plane.height_of(positions[rows]) < settings.ground_height
    return is_ground
