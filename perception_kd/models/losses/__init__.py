"""Losses, as functions and as modules for configs."""

from perception_kd.models.losses.info_nce_loss import InfoNCELoss, info_nce
from perception_kd.models.losses.pair_sampling import sample_pairs

__all__ = ["InfoNCELoss", "info_nce", "sample_pairs"]
