"""Checks that bytes read as points are points."""

import numpy as np

from perception_kd.structures import Mask, Points

MAX_COORDINATE = 1e4  # m along an axis: no LiDAR sees as far
_MAX_FAR_SHARE = 0.01
_MAX_NEAREST = 1e3  # m along an axis: points on a map, not around a sensor
_MIN_EXTENT = 1e-3
_FEW = 10


def is_plausible(points: Points) -> Mask:
    """Return whether position and intensity of each point are finite and within 10 km.

    Args:
        points: x, y, z in m, intensity and more, shape (N, F).

    Returns:
        Shape (N,).
    """
    finite = np.isfinite(_by_column(points, 4)).all(axis=0)
    return np.asarray(finite & (np.abs(_by_column(points, 3)) <= MAX_COORDINATE).all(axis=0))


def find_point_fault(points: Points) -> str:
    """Return why values cannot be points of a sweep; empty if they may be.

    Values of another type or number of columns give positions that are not finite,
    kilometers away, or all at the sensor.

    Args:
        points: x, y, z in m first, shape (N, F).
    """
    if not len(points):
        return "it has no point"
    sizes = np.abs(_by_column(points, 3))
    if not sizes.max() <= MAX_COORDINATE:  # NaN is not a number below it either
        finite = np.isfinite(sizes).all(axis=0)
        if not finite.any():
            return "no position is finite"
        sizes = sizes[:, finite]
        share = float((sizes > MAX_COORDINATE).any(axis=0).mean())
        if share > _MAX_FAR_SHARE:
            return f"{share:.0%} of the positions are farther away than {MAX_COORDINATE:g} m"
    nearest = float(np.maximum(np.maximum(sizes[0], sizes[1]), sizes[2]).min())
    if nearest > _MAX_NEAREST:
        return f"the nearest point is {nearest / 1000:.1f} km away"
    if sizes.max() < _MIN_EXTENT:
        return "all positions are at the sensor"
    if _is_one_place(points):
        return "all positions are the same one"
    return ""


def _is_one_place(points: Points) -> bool:
    some = points[:: max(len(points) // _FEW, 1), :3]
    if len(some) < _FEW or np.ptp(some, axis=0).max() >= _MIN_EXTENT:
        return False
    return bool(np.ptp(points[:, :3], axis=0).max() < _MIN_EXTENT)


def _by_column(points: Points, number: int) -> Points:
    """Return the first columns as rows, of which NumPy's reductions are fast."""
    return np.ascontiguousarray(points[:, :number].T)
