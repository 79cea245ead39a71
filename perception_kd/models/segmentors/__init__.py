"""Networks that give every point, or every cell around the vehicle, a class."""

from perception_kd.models.segmentors.bev_map_segmentor import BEVMapSegmentor
from perception_kd.models.segmentors.point_segmentor import PointSegmentor

__all__ = ["BEVMapSegmentor", "PointSegmentor"]
