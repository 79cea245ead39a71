"""Networks that give every point a class."""

from perception_kd.models.segmentors.point_segmentor import PointSegmentor

__all__ = ["PointSegmentor"]
