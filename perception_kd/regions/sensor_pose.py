"""Height and tilt of a LiDAR over the ground, measured on sweeps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.settings import RegionSettings
from perception_kd.structures import Array
from perception_kd.utils.checks import check_shape

_RADIUS = 25.0  # m
_CELL = 1.0  # m
_MAX_SLOPE = np.tan(np.deg2rad(15))
_INLIER = 0.1  # m
_BELOW = 0.3  # m; the ground has next to nothing so far below it
_NUM_TRIPLES = 500
_MIN_CELLS = 30

# What vehicles, roads and loads differ by anyway: m, and rise per m.
_MAX_DEVIATION = 0.4
_MAX_PUBLISHED_SLOPE = np.tan(np.deg2rad(3.0))
_MIN_SLOPE = np.tan(np.deg2rad(1.5))


@dataclass(frozen=True)
class SensorPose:
    """Ground in the coordinates of a LiDAR: z = slope_x * x + slope_y * y - height.

    Attributes:
        height: Height of the LiDAR over the ground in m.
        slope_x: Rise of the ground along x, per m.
        slope_y: Rise of the ground along y, per m.
        heights: Lowest and highest height among the sweeps, in m.
        num_sweeps: Number of sweeps with ground.
    """

    height: float
    slope_x: float
    slope_y: float
    heights: tuple[float, float]
    num_sweeps: int

    def describe(self) -> str:
        """Return one line of text."""
        tilts = np.rad2deg(np.arctan([self.slope_x, self.slope_y]))
        return (
            f"Ground: {self.height:.2f} m below the LiDAR ({self.heights[0]:.2f} to "
            f"{self.heights[1]:.2f} m in {self.num_sweeps} sweeps), rising by {tilts[0]:.1f} "
            f"degrees along x and {tilts[1]:.1f} along y"
        )


def fit_sensor_ground(points: NDArray[np.floating[Any]]) -> Array | None:
    """Return the ground around the sensor, from the lowest point of each cell.

    Args:
        points: Finite positions in m, z up, shape (N, 3).

    Returns:
        Slope along x and y and z below the sensor in m, shape (3,): the plane through
        three of the lowest points that most of them are near and few are below. None if
        there is no plane within 15 degrees of level.
    """
    check_shape("points", points, ("N", 3))
    near = points[np.hypot(points[:, 0], points[:, 1]) < _RADIUS].astype(np.float64)
    order = np.lexsort((near[:, 2], *np.floor(near[:, :2] / _CELL).T))
    cells = np.floor(near[order, :2] / _CELL)
    first = np.ones(len(order), bool)
    first[1:] = (cells[1:] != cells[:-1]).any(axis=1)
    lowest = near[order[first]]
    if len(lowest) < _MIN_CELLS:
        return None
    design = np.column_stack([lowest[:, :2], np.ones(len(lowest))])
    rows = np.random.default_rng(0).integers(len(lowest), size=(_NUM_TRIPLES, 3))
    rows = rows[np.abs(np.linalg.det(design[rows])) > 1.0]  # not on a line
    planes = np.linalg.solve(design[rows], lowest[rows, 2, None])[..., 0]
    planes = planes[(np.abs(planes[:, :2]) < _MAX_SLOPE).all(axis=1)]
    if not len(planes):
        return None
    above = lowest[:, 2] - planes @ design.T
    scores = (np.abs(above) < _INLIER).sum(axis=1) - 2 * (above < -_BELOW).sum(axis=1)
    plane: Array = planes[scores.argmax()]
    for _ in range(3):
        inliers = np.abs(lowest[:, 2] - design @ plane) < _INLIER
        if inliers.sum() < _MIN_CELLS:
            return None
        plane = np.linalg.lstsq(design[inliers], lowest[inliers, 2], rcond=None)[0]
    return plane


def measure_sensor_pose(sweeps: Iterable[NDArray[np.floating[Any]]]) -> SensorPose | None:
    """Return the median ground of sweeps, or None if none has ground.

    Args:
        sweeps: Points with x, y, z in m first, each of shape (N, F).
    """
    fitted = [fit_sensor_ground(x[np.isfinite(x[:, :3]).all(axis=1), :3]) for x in sweeps]
    planes = np.array([plane for plane in fitted if plane is not None])
    if not len(planes):
        return None
    slope_x, slope_y, z = np.median(planes, axis=0)
    bounds = (float(-planes[:, 2].max()), float(-planes[:, 2].min()))
    return SensorPose(float(-z), float(slope_x), float(slope_y), bounds, len(planes))


def fit_settings(
    settings: RegionSettings,
    pose: SensorPose | None,
    *,
    published: bool,
    chosen: Sequence[str] = (),
) -> tuple[RegionSettings, str]:
    """Return settings with the measured height and tilt where they need these.

    Args:
        settings: Settings to start from.
        pose: What was measured.
        published: Whether the settings are those of a data set whose sensor is known:
            they are changed only if the sensor is clearly another one.
        chosen: Names of settings that the user gave, which are kept.

    Returns:
        The settings, and a sentence on what was changed or is doubtful; may be empty.
    """
    if pose is None:
        return settings, (
            "No ground was found around the LiDAR: its height stays "
            f"{settings.sensor_height:g} m; set it with --settings sensor_height=."
        )
    slopes = np.array([pose.slope_x, pose.slope_y])
    is_other = abs(pose.height - settings.sensor_height) > _MAX_DEVIATION
    is_tilted = bool((np.abs(slopes) > _MAX_PUBLISHED_SLOPE).any())
    if published and not is_other and not is_tilted:
        return settings, ""
    slopes[np.abs(slopes) < _MIN_SLOPE] = 0.0
    measured: dict[str, Any] = dict(
        sensor_height=round(pose.height, 2),
        slope_x=round(float(slopes[0]), 3),
        slope_y=round(float(slopes[1]), 3),
    )
    if published and not is_other:
        del measured["sensor_height"]
    kept = {name: value for name, value in measured.items() if name not in chosen}
    changed = replace(settings, **kept)
    if changed == settings:
        return settings, ""
    values = ", ".join(f"{name}={value:g}" for name, value in kept.items() if value)
    return changed, f"Settings from the data: {values}; override them with --settings."
