"""Networks and methods. Importing this package registers them."""

from perception_kd.models import backbones, heads, voxelizers

__all__ = ["backbones", "heads", "voxelizers"]
