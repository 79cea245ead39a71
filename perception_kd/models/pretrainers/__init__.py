"""Pre-training methods, one file each, named by what is learned from what."""

from perception_kd.models.pretrainers.bev_distillation import BEVDistillation
from perception_kd.models.pretrainers.camera_lidar_contrast import CameraLidarContrast
from perception_kd.models.pretrainers.pixel_distillation import PixelDistillation
from perception_kd.models.pretrainers.point_region_contrast import PointRegionContrast
from perception_kd.models.pretrainers.region_distillation import RegionDistillation
from perception_kd.models.pretrainers.superpixel_distillation import SuperpixelDistillation

__all__ = [
    "BEVDistillation",
    "CameraLidarContrast",
    "PixelDistillation",
    "PointRegionContrast",
    "RegionDistillation",
    "SuperpixelDistillation",
]
