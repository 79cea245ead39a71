"""Label-free measures of what RAD's maps have in common, and of their depth."""

import torch
from torch import Tensor

from perception_kd.models.losses.position_removal import share_of_position


def measure_agreement(
    camera: Tensor,
    lidar: Tensor,
    positions: Tensor,
    region_ids: Tensor,
    max_range_gap: float = 2.0,
) -> dict[str, Tensor]:
    """Measure how camera and LiDAR features of the same points agree.

    Args:
        camera: Features of M points of one sample, of unit length, shape (M, C).
        lidar: Features of the same points, of unit length, shape (M, C).
        positions: x and y in m in the coordinates of the sensor, shape (M, 2).
        region_ids: Regions of the points, negative for none, shape (M,).
        max_range_gap: Points whose ranges differ by less, in m, are of equal range.

    Returns:
        ``mean_position_share_camera`` and ``mean_position_share_lidar``: shares of the
        variance that range and azimuth explain. ``acc_nearest_region`` and
        ``acc_nearest_region_equal_range``: share of region points of which the most
        similar LiDAR feature, among other points of regions, is of the same region;
        the latter among points of equal range, so that knowing the range does not
        help. Chance is one over the number of regions there. 0 where no point has two
        regions to choose from.
    """
    in_region = region_ids >= 0
    query, key, ids = camera[in_region], lidar[in_region], region_ids[in_region]
    ranges = positions[in_region].norm(dim=1)
    is_other = ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    is_near = is_other & ((ranges[:, None] - ranges).abs() < max_range_gap)
    similarity = query.float() @ key.float().T
    return {
        "mean_position_share_camera": share_of_position(camera, positions).float(),
        "mean_position_share_lidar": share_of_position(lidar, positions).float(),
        "acc_nearest_region": _accuracy(similarity, ids, is_other),
        "acc_nearest_region_equal_range": _accuracy(similarity, ids, is_near),
    }


def _accuracy(similarity: Tensor, ids: Tensor, allowed: Tensor) -> Tensor:
    """Return the share of nearest ones in the same region, where there is a choice."""
    same = ids[:, None] == ids
    can_choose = (allowed & same).any(dim=1) & (allowed & ~same).any(dim=1)
    if not can_choose.any():
        return similarity.new_zeros(())
    nearest = similarity.masked_fill(~allowed, -torch.inf)[can_choose].argmax(dim=1)
    return (ids[nearest] == ids[can_choose]).float().mean()
