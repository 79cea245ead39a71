"""Swin-T, FPN and lift-splat of BEVFusion: 80 channels at 0.8 m.

The cells are 0.4 m before the view transform halves the map; the map has the range of
the LiDAR's. ImageNet weights: see configs/det/README.md.
"""

_base_ = []

from perception_kd.engine.config.bev_parts import lift_splat

swint_neck_channels = 256

img_swint_lss = dict(
    img_backbone=dict(
        type="SwinTransformer",
        embed_dims=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(1, 2, 3),
        init_cfg=dict(type="Pretrained", checkpoint="weights/swin_tiny_patch4_window7_224.pth"),
    ),
    img_neck=dict(
        type="GeneralizedLSSFPN", in_channels=[192, 384, 768], out_channels=swint_neck_channels
    ),
    view_transform=lift_splat(swint_neck_channels, 80, depth_step=0.5),
)
# Tables of relative positions do not decay, as in BEVFusion's configs.
swint_optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0)))
)
# More paths are dropped for maps than for boxes, as there.
swint_mapseg_backbone = dict(img_swint_lss["img_backbone"], drop_path_rate=0.3)
img_swint_lss_channels = img_swint_lss["view_transform"]["out_channels"]
