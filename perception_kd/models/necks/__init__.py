"""What joins the levels of a backbone, where mmdet has no such neck."""

from perception_kd.models.necks.generalized_lss_fpn import GeneralizedLSSFPN

__all__ = ["GeneralizedLSSFPN"]
