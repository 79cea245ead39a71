"""Clouds to voxels, as the first part of a LiDAR network."""

from perception_kd.models.voxelizers.hard_voxelizer import HardVoxelizer
from perception_kd.models.voxelizers.point_voxelizer import PointVoxelizer

__all__ = ["HardVoxelizer", "PointVoxelizer"]
