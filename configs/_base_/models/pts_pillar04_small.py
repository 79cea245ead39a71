"""PointPillars for two CPU cores: 0.4 m pillars to 96 channels at 0.8 m."""

_base_ = []

from perception_kd.engine.config.bev_parts import pillars, second_fpn

pillar_channels = 32
levels = second_fpn(
    pillar_channels,
    [32, 64, 64],
    [1, 2, 2],
    layer_strides=[2, 2, 2],
    out_channels=[32, 32, 32],
    upsample_strides=[1, 2, 4],
)
pts_pillar04_small = dict(
    **pillars([0.4, 0.4, 8], pillar_channels, max_voxels=(30000, 40000)),
    pts_backbone=levels[0],
    pts_neck=levels[1],
)
pts_pillar04_small_channels = sum(pts_pillar04_small["pts_neck"]["out_channels"])
del levels
