"""Heads: from a network's features to what is compared or predicted."""

from perception_kd.models.heads.bev_center_head import BEVCenterHead
from perception_kd.models.heads.bev_map_head import BEVMapHead
from perception_kd.models.heads.bev_projection import BEVProjection
from perception_kd.models.heads.feature_projector import FeatureProjector
from perception_kd.models.heads.pixel_projection import PixelProjection
from perception_kd.models.heads.voxel_projection import VoxelProjection

__all__ = [
    "BEVCenterHead",
    "BEVMapHead",
    "BEVProjection",
    "FeatureProjector",
    "PixelProjection",
    "VoxelProjection",
]
