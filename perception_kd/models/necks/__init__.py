"""Necks that mmdet lacks, and the fusion of several BEV maps into one."""

from perception_kd.models.necks.conv_fuser import ConvFuser
from perception_kd.models.necks.generalized_lss_fpn import GeneralizedLSSFPN

__all__ = ["ConvFuser", "GeneralizedLSSFPN"]
