"""Segmentation of a sweep into regions, without labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion, RegionIds
from perception_kd.regions.dbscan import cluster_points
from perception_kd.regions.filtering import find_fault
from perception_kd.regions.ground import find_ground
from perception_kd.regions.settings import RegionSettings
from perception_kd.utils.checks import check_shape


def make_regions(
    points: NDArray[np.floating[Any]], settings: RegionSettings | None = None
) -> RegionIds:
    """Find the regions of one sweep: CALICO's unsupervised semantic pooling [1].

    Ground is removed, the rest is clustered in BEV, and clusters that are too high,
    low, thin, large or small to be an object of interest are dropped.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        points: x, y, z in m in LiDAR coordinates, shape (N, 3); further columns are
            ignored. Points that are not finite are in no region.
        settings: Settings; None uses those of nuScenes.

    Returns:
        Region of each point, from 0 without gaps, or a :class:`NoRegion`, shape (N,).

    Raises:
        ValueError: If the shape is wrong.
    """
    settings = settings or RegionSettings()
    check_shape("points", points, ("N", "F"))
    positions = level_points(points[:, :3], settings)
    region_ids = np.full(len(points), NoRegion.NOISE, dtype=np.int32)
    rows = np.flatnonzero(np.isfinite(positions).all(axis=1))

    is_ground = find_ground(positions[rows], settings)
    region_ids[rows[is_ground]] = NoRegion.GROUND
    rows = rows[~is_ground]

    clusters = cluster_points(positions[rows, :2], settings.eps, settings.min_points)
    num_regions = 0
    for members in _group(rows, clusters):
        fault = find_fault(positions[members], settings)
        region_ids[members] = num_regions if fault is None else fault
        num_regions += fault is None
    return region_ids


def level_points(
    positions: NDArray[np.floating[Any]], settings: RegionSettings
) -> NDArray[np.floating[Any]]:
    """Return positions with the rise of the ground of a tilted sensor taken off.

    Args:
        positions: x, y, z in m in LiDAR coordinates, shape (N, 3).
        settings: Settings with the slopes of the ground.

    Raises:
        ValueError: If the shape is wrong.
    """
    check_shape("points[:, :3]", positions, ("N", 3))
    if not (settings.slope_x or settings.slope_y):
        return positions
    rise = positions[:, :2] @ np.array([settings.slope_x, settings.slope_y])
    return np.column_stack([positions[:, :2], positions[:, 2] - rise])


def _group(rows: NDArray[np.int64], clusters: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each cluster, in the order of the clusters."""
    order = np.argsort(clusters, kind="stable")
    counts = np.bincount(clusters + 1)  # the first bin is not a cluster
    return np.split(rows[order], np.cumsum(counts)[:-1])[1:]
