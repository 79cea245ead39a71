"""Losses, as functions and as modules for configs."""

from perception_kd.models.losses.info_nce_loss import InfoNCELoss, info_nce
from perception_kd.models.losses.region_contrast import anchor_weights, region_contrast
from perception_kd.models.losses.region_contrast_loss import RegionContrastLoss
from perception_kd.models.losses.region_ids import make_ids_unique, singleton_regions

__all__ = [
    "InfoNCELoss",
    "RegionContrastLoss",
    "anchor_weights",
    "info_nce",
    "make_ids_unique",
    "region_contrast",
    "singleton_regions",
]
