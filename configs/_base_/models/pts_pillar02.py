"""PointPillars with SECOND and FPN: 0.2 m pillars to 384 channels at 0.8 m.

The parts and names are those of mmdet3d's CenterPoint.
"""

_base_ = []

from perception_kd.engine.config.bev_parts import pillars, second_fpn

pillar_channels = 64
levels = second_fpn(
    pillar_channels,
    [64, 128, 256],
    [3, 5, 5],
    layer_strides=[2, 2, 2],
    out_channels=[128, 128, 128],
    upsample_strides=[0.5, 1, 2],
)
pts_pillar02 = dict(
    **pillars([0.2, 0.2, 8], pillar_channels, max_voxels=(30000, 60000)),
    pts_backbone=levels[0],
    pts_neck=levels[1],
)
pts_pillar02_channels = sum(pts_pillar02["pts_neck"]["out_channels"])
del levels
