"""Losses, as functions and as modules for configs."""

from perception_kd.models.losses.cosine_distance_loss import CosineDistanceLoss, cosine_distance
from perception_kd.models.losses.info_nce_loss import InfoNCELoss, info_nce
from perception_kd.models.losses.other_places import OtherPlaces
from perception_kd.models.losses.pair_weights import PairDescription, PairWeights
from perception_kd.models.losses.region_contrast import anchor_weights, region_contrast
from perception_kd.models.losses.region_contrast_loss import RegionContrastLoss
from perception_kd.models.losses.region_ids import make_ids_unique, singleton_regions
from perception_kd.models.losses.semantic_tolerance import (
    SemanticTolerance,
    balance_weights,
    tolerance_weights,
)

__all__ = [
    "CosineDistanceLoss",
    "InfoNCELoss",
    "OtherPlaces",
    "PairDescription",
    "PairWeights",
    "RegionContrastLoss",
    "SemanticTolerance",
    "anchor_weights",
    "balance_weights",
    "cosine_distance",
    "info_nce",
    "make_ids_unique",
    "region_contrast",
    "singleton_regions",
    "tolerance_weights",
]
