"""Regions: which points of a sweep lie on one thing, found without labels (CALICO)."""

from perception_kd.regions.dbscan import cluster_points
from perception_kd.regions.filtering import find_fault
from perception_kd.regions.ground import Plane, find_ground, fit_ground, fit_plane
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import PRESETS, RegionSettings, get_preset

__all__ = [
    "PRESETS",
    "Plane",
    "RegionSettings",
    "cluster_points",
    "find_fault",
    "find_ground",
    "fit_ground",
    "fit_plane",
    "get_preset",
    "make_regions",
]
