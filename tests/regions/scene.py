"""A sweep made by hand: flat ground with things on it whose regions are known."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.settings import RegionSettings

Points = NDArray[np.float64]
GROUND_Z = -RegionSettings().sensor_height


def make_ground(x: tuple[float, float], y: tuple[float, float], step: float = 0.5) -> Points:
    """Return a grid of points on flat ground, shape (N, 3)."""
    grid = np.stack(np.meshgrid(np.arange(*x, step), np.arange(*y, step)), axis=-1).reshape(-1, 2)
    return np.column_stack([grid, np.full(len(grid), GROUND_Z)])


def make_box(
    center: tuple[float, float], size: tuple[float, float, float], yaw: float = 0.0
) -> Points:
    """Return points on the sides of an upright box on the ground, 0.25 m apart.

    Args:
        center: x and y in m.
        size: Length, width and height in m. The lowest points are 0.3 m high, which is
            clear of the ground.
        yaw: Angle from x to the length in rad.
    """
    length, width, height = size
    along = np.linspace(-length / 2, length / 2, int(length / 0.25) + 2)
    across = np.linspace(-width / 2, width / 2, int(width / 0.25) + 2)
    outline = [(x, side * width / 2) for x in along for side in (-1, 1)]
    outline += [(side * length / 2, y) for y in across for side in (-1, 1)]
    cos, sin = np.cos(yaw), np.sin(yaw)
    xy = np.array(outline) @ np.array([[cos, sin], [-sin, cos]]) + center
    heights = GROUND_Z + np.linspace(0.3, height, 4)
    return np.column_stack([np.tile(xy, (4, 1)), np.repeat(heights, len(xy))])


def make_parts() -> dict[str, Points]:
    """Return the points of each thing of a street, far enough apart."""
    return {
        "ground": make_ground((-50, 50), (-30, 30)),
        "car": make_box((8, 10), (4.0, 1.8, 1.6), yaw=0.4),
        "van": make_box((-9, 6), (5.0, 2.0, 2.2)),
        "house": make_box((20, -15), (4.0, 4.0, 8.0)),
        "fence": make_box((-20, -10), (9.0, 0.2, 1.2)),
        "bus": make_box((0, 22), (12.0, 2.9, 3.0)),
        "ego": make_box((0, 0), (2.0, 2.0, 1.7)),
        "post": make_box((12, -4), (0.2, 0.2, 1.0)),
    }
