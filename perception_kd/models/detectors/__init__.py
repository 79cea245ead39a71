"""Detectors of boxes in 3D."""

from perception_kd.models.detectors.bev_detector import BEVDetector

__all__ = ["BEVDetector"]
