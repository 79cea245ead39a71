"""Exact DBSCAN in the plane or in space, without a list of all neighbors.

A third of a real sweep is on the ego vehicle, thousands of points within a meter of
each other: libraries that list every neighbor of every point need gigabytes there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from perception_kd.structures import Array
from perception_kd.utils.checks import check_at_least, check_shape

Labels = NDArray[np.int64]

# Edge of a square, and of a cube, in eps: slightly below 1 / sqrt(2) and 1 / sqrt(3),
# so that rounding cannot separate two corners.
_EDGES = {2: 0.707, 3: 0.577}


def cluster_points(positions: NDArray[np.floating[Any]], eps: float, min_points: int) -> Labels:
    """Cluster points with DBSCAN [1], with the result of scikit-learn.

    The plane is cut into squares so small that all points of a square are neighbors
    [2]: in a full square all are cores, and squares are joined instead of points. In
    space they are cubes.

    - [1] A Density-Based Algorithm for Discovering Clusters in Large Spatial Databases
      with Noise, 1996
    - [2] A New Algorithm for Clustering Spatial Data, Gunawan, 2013

    Args:
        positions: x and y, or x, y and z, in m, finite, shape (N, 2) or (N, 3).
        eps: Largest distance of neighbors in m, positive.
        min_points: Number of neighbors, itself included, of a core of a cluster.

    Returns:
        Clusters from 0 in the order of their first core; -1 = none, shape (N,). A point
        that is not a core joins the first cluster that has a core near it.

    Raises:
        ValueError: If an argument is wrong.
    """
    check_shape("positions", positions, ("N", 3 if positions.shape[1:] == (3,) else 2))
    check_at_least("min_points", min_points, 1)
    if not eps > 0:
        raise ValueError(f"eps must be positive, but got {eps}.")
    labels = np.full(len(positions), -1, dtype=np.int64)
    if not len(positions):
        return labels
    points = positions.astype(np.float64)
    squares = np.floor(points / (eps * _EDGES[points.shape[1]])).astype(np.int64)
    is_core = _find_cores(points, squares, eps, min_points)
    if is_core.any():
        labels[is_core] = _join_cores(points[is_core], squares[is_core], eps)
        labels[~is_core] = _join_others(points[~is_core], points[is_core], labels[is_core], eps)
    return labels


def _find_cores(points: Array, squares: Labels, eps: float, min_points: int) -> NDArray[np.bool_]:
    _, square_of, counts = np.unique(squares, axis=0, return_inverse=True, return_counts=True)
    is_core = counts[square_of.ravel()] >= min_points
    rest = np.flatnonzero(~is_core)
    if len(rest):
        num_near = KDTree(points).query_ball_point(points[rest], eps, return_length=True)
        is_core[rest] = num_near >= min_points
    return is_core


def _join_cores(cores: Array, squares: Labels, eps: float) -> Labels:
    """Return the cluster of each core."""
    present, square_of = np.unique(squares, axis=0, return_inverse=True)
    square_of = square_of.ravel()
    order = np.argsort(square_of, kind="stable")
    members = np.split(cores[order], np.cumsum(np.bincount(square_of))[:-1])
    # Cores of squares more than two apart along an axis are farther apart than eps.
    farthest = 2.9 if present.shape[1] == 2 else 3.5
    pairs = KDTree(present).query_pairs(farthest, output_type="ndarray")
    nearest_first = np.argsort(np.abs(present[pairs[:, 0]] - present[pairs[:, 1]]).sum(axis=1))
    joined = DisjointSet(range(len(present)))
    for one, other in pairs[nearest_first].tolist():
        if joined.connected(one, other):
            continue
        if cdist(members[one], members[other]).min() <= eps:
            joined.merge(one, other)
    root = np.array([joined[square] for square in range(len(present))])[square_of]
    _, first, cluster = np.unique(root, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[cluster]


def _join_others(others: Array, cores: Array, labels: Labels, eps: float) -> Labels:
    """Return the first cluster near each point that is not a core."""
    near = KDTree(cores).query_ball_point(others, eps)
    return np.array([labels[rows].min(initial=len(cores)) if rows else -1 for rows in near], int)
