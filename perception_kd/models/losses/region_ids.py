"""Ids of regions and points of a batch of scenes."""

import torch
from torch import Tensor


def singleton_regions(region_ids: Tensor, point_ids: Tensor) -> Tensor:
    """Make every semantic-less point a region of its own, and so an anchor.

    Args:
        region_ids: Region of each row, negative for semantic-less, integer, (M,).
        point_ids: Physical point of each row, from 0, integer, (M,).

    Returns:
        Region of each row, none negative, int64, shape (M,).
    """
    return torch.where(region_ids >= 0, region_ids.long(), point_ids + _first_free(region_ids))


def make_ids_unique(ids: list[Tensor]) -> list[Tensor]:
    """Shift the ids of each scene behind those of the scenes before it.

    Args:
        ids: Regions or points, from 0 in each scene, negative for none, integer, each
            (M_b,).

    Returns:
        Ids unique over the scenes, -1 for none, int64, each (M_b,).
    """
    unique: list[Tensor] = []
    offset: Tensor | int = 0
    for of_scene in ids:
        unique.append(torch.where(of_scene >= 0, of_scene.long() + offset, -1))
        offset = _first_free(of_scene) + offset
    return unique


def _first_free(ids: Tensor) -> Tensor | int:
    """Return the least id from 0 on that is larger than all of (M,)."""
    return ids.long().amax().clamp(min=-1) + 1 if len(ids) else 0
