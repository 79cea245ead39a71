"""Pre-training methods, one file each, named by what is learned from what."""

from perception_kd.models.pretrainers.pixel_distillation import PixelDistillation
from perception_kd.models.pretrainers.point_region_contrast import PointRegionContrast
from perception_kd.models.pretrainers.superpixel_distillation import SuperpixelDistillation

__all__ = ["PixelDistillation", "PointRegionContrast", "SuperpixelDistillation"]
