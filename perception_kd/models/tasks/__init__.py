"""Models of the downstream tasks: detection, map and LiDAR segmentation."""

from perception_kd.models.tasks.bev_detector import BEVDetector
from perception_kd.models.tasks.bev_map_segmentor import BEVMapSegmentor
from perception_kd.models.tasks.point_segmentor import PointSegmentor

__all__ = ["BEVDetector", "BEVMapSegmentor", "PointSegmentor"]
