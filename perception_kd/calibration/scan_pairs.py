"""Neighboring directions of a sweep, and the edges of objects between them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import rankdata

from perception_kd.geometry.rigid import transform_points
from perception_kd.structures import Array, Mask, Points

_NUM_NEIGHBORS = 20  # a scan line is several times denser than the lines are apart
_STEPS = 1, 2, 3  # to the right; more find edges that lie a little beside the points
_FULL_JUMP = 0.3  # of the inverse range; a larger one does not make the edge stronger
_SMOOTH = 0.05  # of the inverse range: both points are on one surface
_MIN_RANGE = 1.5  # m; nearer returns are from the ego vehicle itself


class ScanPairs(NamedTuple):
    """Pairs of neighboring directions, both at the range of the nearer point.

    An object ends somewhere between the two, as seen from the LiDAR.

    Attributes:
        ends: Positions in camera coordinates in m, shape (P, 2, 3).
        edges: Strength of the edge that range or intensity have there, shape (P,).
        upright: Whether one is above the other, not beside it, bool, shape (P,).
    """

    ends: Array
    edges: Array
    upright: Mask


def find_pairs(points: Points, lidar2cam: Array, max_angle: float = 1.2) -> ScanPairs:
    """Pair each point with those to its right and above it, seen from the LiDAR.

    Neighbors are found by direction, so that the order of the points, rings and the
    pattern of the scan do not matter.

    Args:
        points: Positions in LiDAR coordinates in m, then the intensity if there is one,
            shape (N, 3 or more). Points that are not finite are left out.
        lidar2cam: Rigid transform, shape (4, 4).
        max_angle: Points farther from the optical axis, in rad, are left out.

    Returns:
        Pairs in any order; none if there are too few points.
    """
    rows = points[np.isfinite(points[:, :4]).all(axis=1)].astype(np.float64)
    directions, ranges = _look_from_lidar(rows, lidar2cam)
    chosen = (directions[:, 2] > np.cos(max_angle)) & (ranges > _MIN_RANGE)
    rows, directions, ranges = rows[chosen], directions[chosen], ranges[chosen]
    if len(rows) <= _NUM_NEIGHBORS:
        return ScanPairs(np.zeros((0, 2, 3)), np.zeros(0), np.zeros(0, bool))

    left, right, below, above = _find_neighbors(directions)
    # Ranks, since the unit of the intensity may be any; equal values have equal ranks.
    intensity = rows[:, 3] if rows.shape[1] > 3 else np.zeros(len(rows))
    ranks = rankdata(intensity) / len(rows)
    sides = [(_repeat(left, steps), _repeat(right, steps)) for steps in _STEPS]
    parts = [_pair(directions, ranges, ranks, *side) for side in (*sides, (below, above))]
    ends, edges = (np.concatenate(part) for part in zip(*parts, strict=True))
    upright = np.arange(len(edges)) >= len(edges) - len(parts[-1][1])
    return ScanPairs(ends + lidar2cam[:3, 3], edges, upright)


def _look_from_lidar(points: Array, lidar2cam: Array) -> tuple[Array, Array]:
    """Return directions from the LiDAR along the axes of the camera, and ranges."""
    turned = transform_points(points[:, :3], lidar2cam) - lidar2cam[:3, 3]
    ranges = np.linalg.norm(turned, axis=1)
    return turned / np.maximum(ranges, 1e-6)[:, None], ranges


def _find_neighbors(directions: Array) -> tuple[NDArray[np.int64], ...]:
    """Return the nearest point to the left, right, below and above each; -1 if none."""
    x, y, z = directions.T
    angles = np.stack([np.arctan2(x, z), np.arctan2(-y, np.hypot(x, z))], axis=1)
    found = KDTree(angles).query(angles, k=_NUM_NEIGHBORS + 1)[1][:, 1:]  # nearest first
    across, up = np.moveaxis(angles[found] - angles[:, None], 2, 0)
    beside = np.abs(across) > np.abs(up)
    sides = (beside & (across < 0), beside & (across > 0), ~beside & (up < 0), ~beside & (up > 0))
    rows = np.arange(len(found))
    return tuple(np.where(side.any(axis=1), found[rows, side.argmax(axis=1)], -1) for side in sides)


def _repeat(neighbors: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Return the neighbor so many steps away of each point; -1 if none."""
    found = neighbors
    for _ in range(steps - 1):
        found = np.where((found >= 0) & (neighbors[found] >= 0), neighbors[found], -1)
    return found


def _pair(
    directions: Array,
    ranges: Array,
    ranks: Array,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
) -> tuple[Array, Array]:
    """Return the ends and edges of all pairs along one direction."""
    first = np.nonzero(after >= 0)[0]
    second = after[first]
    previous = np.where(before[first] >= 0, before[first], first)
    following = np.where(after[second] >= 0, after[second], second)
    # The inverse range of a plane is linear in the direction, so a plane has no jump,
    # however flat one looks along it.
    inverse = 1 / ranges
    step = np.abs(inverse[first] - inverse[second])
    expected = np.maximum(
        np.abs(inverse[previous] - inverse[first]), np.abs(inverse[second] - inverse[following])
    )
    nearer = np.minimum(ranges[first], ranges[second])
    jump = np.sqrt(np.clip((step - expected) * nearer / _FULL_JUMP, 0, 1))
    contrast = np.abs(ranks[first] - ranks[second])
    edges = jump + np.where(step * nearer < _SMOOTH, contrast, 0)
    ends = np.stack([directions[first], directions[second]], axis=1) * nearer[:, None, None]
    return ends, edges
