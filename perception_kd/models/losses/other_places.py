"""Negatives only from other places, where the same object cannot be seen twice."""

import torch
from torch import nn

from perception_kd.models.losses.pair_weights import PairDescription, PairWeights
from perception_kd.registry import MODELS


@MODELS.register_module()
class OtherPlaces(nn.Module):
    """Let only pairs from other places be negatives.

    Two pieces of one car, or of one road, are negatives of each other in SLidR. Weight
    w_ij of the key of pair j as a candidate of anchor i:

        w_ij = 0 if pairs i and j are of one sample (or scene), and less than
               min_distance apart, else 1

    Use it with ``excluded="minus_inf"`` of :class:`~.InfoNCELoss`. With neither
    distance nor a second sample (or scene) in the batch no negative is left, and the
    loss is zero.

    Args:
        min_distance: Distance in LiDAR coordinates in m, from which on two pairs of one
            sample are of different places. None makes a sample one place.
        per_scene: Whether all samples of a scene are one place; their sensors see the
            same street. It needs ``min_distance=None``, since positions of two samples
            are not in the same coordinates.

    Raises:
        ValueError: If the distance is not positive, or given with ``per_scene``.
    """

    def __init__(self, min_distance: float | None = None, per_scene: bool = False) -> None:
        super().__init__()
        if min_distance is not None and not min_distance > 0:
            raise ValueError(f"min_distance must be positive, but got {min_distance}.")
        if min_distance is not None and per_scene:
            raise ValueError(
                f"min_distance must be None with per_scene=True, but got {min_distance}: "
                "positions of two samples are not in the same coordinates."
            )
        self.min_distance = min_distance
        self.per_scene = per_scene

    @torch.no_grad()
    def forward(self, pairs: PairDescription) -> PairWeights:
        """Return the weights of M pairs."""
        places = pairs.scenes if self.per_scene else pairs.samples
        is_other = places[:, None] != places
        if self.min_distance is not None:
            positions = pairs.positions.float()
            # Not by products of matrices, which round small distances at far positions.
            distances = torch.cdist(
                positions, positions, compute_mode="donot_use_mm_for_euclid_dist"
            )
            is_other |= distances >= self.min_distance
        return PairWeights(candidates=is_other.float().fill_diagonal_(1.0))
