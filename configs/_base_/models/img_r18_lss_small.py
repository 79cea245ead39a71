"""A ResNet-18 of half width and lift-splat for two CPU cores: 32 channels at 0.8 m."""

_base_ = []

from perception_kd.engine.config.bev_parts import lift_splat

r18_small_neck_channels = 64

img_r18_lss_small = dict(
    img_backbone=dict(
        type="mmdet.ResNet",
        depth=18,
        base_channels=32,
        stem_channels=32,
        out_indices=(1, 2, 3),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
    ),
    img_neck=dict(
        type="GeneralizedLSSFPN", in_channels=[64, 128, 256], out_channels=r18_small_neck_channels
    ),
    view_transform=lift_splat(r18_small_neck_channels, 32, depth_step=1.0),
)
img_r18_lss_small_channels = img_r18_lss_small["view_transform"]["out_channels"]
