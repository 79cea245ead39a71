"""Checks that bytes read as points are points."""

import numpy as np

from perception_kd.structures import Mask, Points

MAX_DISTANCE = 1e4  # m along an axis: no LiDAR sees as far
_MAX_FAR_SHARE = 0.01
_MIN_EXTENT = 1e-3


def is_plausible(points: Points) -> Mask:
    """Return whether position and intensity of each point are finite and within 10 km.

    Args:
        points: x, y, z in m, intensity and more, shape (N, F).

    Returns:
        Shape (N,).
    """
    finite = np.isfinite(points[:, :4]).all(axis=1)
    return np.asarray(finite & (np.abs(points[:, :3]) <= MAX_DISTANCE).all(axis=1))


def find_point_fault(points: Points) -> str:
    """Return why values cannot be points of a sweep; empty if they may be.

    Values of another type or number of columns give positions that are not finite,
    kilometers away, or all at the sensor.

    Args:
        points: x, y, z in m first, shape (N, F).
    """
    positions = points[:, :3]
    if not len(points):
        return "it has no point"
    finite = np.isfinite(positions).all(axis=1)
    if not finite.any():
        return "no position is finite"
    sizes = np.abs(positions[finite])
    share = float((sizes > MAX_DISTANCE).any(axis=1).mean())
    if share > _MAX_FAR_SHARE:
        return f"{share:.0%} of the positions are farther away than {MAX_DISTANCE:g} m"
    if sizes.max() < _MIN_EXTENT:
        return "all positions are at the sensor"
    return ""
