"""BEVFusion's SECOND and FPN on a fused map: 256 channels to 512 on the same cells."""

_base_ = []

from perception_kd.engine.config.bev_parts import second_fpn

fused_channels = 256
second = second_fpn(
    fused_channels,
    [128, 256],
    [5, 5],
    layer_strides=[1, 2],
    out_channels=[256, 256],
    upsample_strides=[1, 2],
)
bev_second = dict(bev_backbone=second[0], bev_neck=second[1])
bev_second_channels = sum(bev_second["bev_neck"]["out_channels"])
del second
