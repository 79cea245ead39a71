"""From several BEV maps to one."""

from perception_kd.models.fusers.conv_fuser import ConvFuser

__all__ = ["ConvFuser"]
