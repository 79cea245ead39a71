"""Superpixels split by what the LiDAR sees in them, per pixel and per point.

Superpixels see color and clusters see space: a car and the road beside it may have one
color, a wall and a poster on it one place. Pieces have one of each.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from perception_kd.regions.codec import NoRegion, RegionIds
from perception_kd.regions.dbscan import cluster_points
from perception_kd.regions.ground import find_ground
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.segmentation import level_points
from perception_kd.structures import Indices
from perception_kd.superpixels.codec import Map, relabel
from perception_kd.utils.checks import check_at_least, check_shape


class Pieces(NamedTuple):
    """Regions of both sensors in one image.

    Attributes:
        superpixels: Piece of each pixel, from 0, -1 = none, (H, W). A piece of which
            all points share their pixels with others may have none.
        of_pairs: Piece of each pair of point and pixel, -1 = none, shape (P,). A point
            that another one hides may be of another piece than its pixel.
    """

    superpixels: Map
    of_pairs: RegionIds


class ViewPairs(NamedTuple):
    """Pairs of the points of a sweep with the pixels of one image.

    Attributes:
        points: Row of each paired point, shape (P,).
        rows_cols: Its pixel, shape (P, 2).
    """

    points: Indices
    rows_cols: Indices


def label_points(points: NDArray[np.floating[Any]], settings: JointSettings) -> RegionIds:
    """Return the ground or the cluster that each point of a sweep lies on.

    Clusters are chains of points above the ground, each less than ``link_distance``
    from the next in space: not in BEV, where a tree and the car below it are one.

    Args:
        points: x, y, z in m in LiDAR coordinates, shape (N, 3); further columns are
            ignored.
        settings: How to find the ground and clusters.

    Returns:
        Cluster from 0, ``NoRegion.GROUND``, or ``NoRegion.NOISE`` where a point is not
        finite, shape (N,).
    """
    check_shape("points", points, ("N", "F"))
    labels = np.full(len(points), NoRegion.NOISE, np.int32)
    positions = level_points(points[:, :3], settings.ground)
    rows = np.flatnonzero(np.isfinite(positions).all(axis=1))
    is_ground = find_ground(positions[rows], settings.ground)
    labels[rows[is_ground]] = NoRegion.GROUND
    rows = rows[~is_ground]
    labels[rows] = cluster_points(positions[rows], settings.link_distance, min_points=1)
    return labels


def split_superpixels(
    superpixels: NDArray[np.integer[Any]],
    rows_cols: Indices,
    labels: NDArray[np.integer[Any]],
    min_points: int = 5,
) -> Pieces:
    """Split each superpixel into one piece per label of the points in it.

    A pixel is in the piece of the nearest pixel that a point is paired with, among
    those of its superpixel whose pieces are kept. Superpixels without points stay
    whole; pixels of those with points, of which no piece is kept, are in no region.

    Args:
        superpixels: Superpixels of the image, -1 = none, shape (H, W).
        rows_cols: Pixel of each pair of point and pixel, shape (P, 2).
        labels: Results of :func:`label_points` for the points of the pairs, (P,).
        min_points: Pieces with fewer points are dropped.

    Raises:
        ValueError: If shapes do not fit, or ``min_points`` is below 1.
    """
    check_shape("superpixels", superpixels, ("H", "W"))
    check_shape("rows_cols", rows_cols, ("P", 2))
    check_shape("labels", labels, (len(rows_cols),))
    check_at_least("min_points", min_points, 1)
    owner = superpixels[tuple(rows_cols.T)].astype(np.int64)
    rows = np.flatnonzero((owner >= 0) & (labels != NoRegion.NOISE))
    _, piece, counts = np.unique(
        np.column_stack([owner[rows], labels[rows]]),
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    is_kept = counts >= min_points
    new_ids = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    of_pairs = np.full(len(rows_cols), -1, np.int32)
    of_pairs[rows] = new_ids[piece.ravel()]

    whole = relabel(np.where(np.isin(superpixels, owner), -1, superpixels))
    split = np.where(whole >= 0, whole + np.int32(is_kept.sum()), np.int32(-1))
    rows = np.flatnonzero(of_pairs >= 0)
    _spread(superpixels, split, rows_cols[rows], of_pairs[rows])
    return Pieces(split, of_pairs)


def _spread(
    superpixels: NDArray[np.integer[Any]], split: Map, rows_cols: Indices, pieces: RegionIds
) -> None:
    """Give pixels the piece of the nearest paired one of their superpixel, in place."""
    if not len(pieces):
        return
    owner = superpixels[tuple(rows_cols.T)]
    pixels = np.argwhere(np.isin(superpixels, owner))
    # Along a third axis superpixels are farther apart than any two pixels.
    apart = 2.0 * sum(superpixels.shape)
    tree = KDTree(np.column_stack([rows_cols, owner * apart]))
    at = tuple(pixels.T)
    _, nearest = tree.query(np.column_stack([pixels, superpixels[at] * apart]))
    split[at] = pieces[nearest]


def gather_point_regions(
    labels: RegionIds, views: Sequence[tuple[ViewPairs, Pieces]], min_points: int
) -> RegionIds:
    """Return the region of each point of a sweep.

    A point has its piece in the first image that has one for it. Points in no image
    have their whole cluster, if it has enough of them; ground in no image has none.

    Args:
        labels: Results of :func:`label_points`, shape (N,).
        views: Pairs and pieces of each image.
        min_points: Clusters with fewer points outside of all images are dropped.

    Returns:
        Ids from 0 without gaps, or a ``NoRegion``, shape (N,).
    """
    region_ids = np.minimum(labels, NoRegion.NOISE)
    seen = np.zeros(len(labels), bool)
    first = 0
    for pairs, pieces in views:
        seen[pairs.points] = True
        is_new = (pieces.of_pairs >= 0) & (region_ids[pairs.points] < 0)
        region_ids[pairs.points[is_new]] = pieces.of_pairs[is_new] + first
        first += pieces.of_pairs.max(initial=-1) + 1
    rows = np.flatnonzero(~seen & (labels >= 0))
    sizes = np.bincount(labels[rows])
    rows = rows[sizes[labels[rows]] >= min_points]
    region_ids[rows] = labels[rows] + first
    is_in = region_ids >= 0
    region_ids[is_in] = np.unique(region_ids[is_in], return_inverse=True)[1].ravel()
    return region_ids
