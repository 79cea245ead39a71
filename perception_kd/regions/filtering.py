"""Filters that drop clusters of a sweep that are not objects."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.settings import RegionSettings
from perception_kd.utils.checks import check_shape


def find_fault(cluster: NDArray[np.floating[Any]], settings: RegionSettings) -> NoRegion | None:
    """Return the reason why a cluster is not a region, or None if it is one.

    Args:
        cluster: Positions of at least one point in m, z up, shape (N, 3).
        settings: Thresholds. The filters are applied in the order of
            :class:`NoRegion`.

    Raises:
        ValueError: If the shape is wrong.
    """
    check_shape("cluster", cluster, ("N", 3))
    if (np.abs(cluster[:, :2]).max(axis=0) < settings.ego_half_width).any():
        return NoRegion.EGO_STRIP
    top = cluster[:, 2].max()
    if top < settings.min_height - settings.sensor_height:
        return NoRegion.TOO_LOW
    if top > settings.max_height - settings.sensor_height:
        return NoRegion.TOO_HIGH
    return _find_fault_from_above(cluster[:, :2], settings)


def _find_fault_from_above(
    positions: NDArray[np.floating[Any]], settings: RegionSettings
) -> NoRegion | None:
    # Around the origin, float32 is precise enough.
    centered = (positions - positions.mean(axis=0)).astype(np.float32)
    hull = cv2.convexHull(centered)
    short, long = sorted(cv2.minAreaRect(hull)[1])
    if long == 0 or short < settings.min_side_ratio * long:
        return NoRegion.TOO_THIN
    area = cv2.contourArea(hull)
    if area > settings.max_area:
        return NoRegion.TOO_LARGE
    if area < settings.min_area:
        return NoRegion.TOO_SMALL
    return None
