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
# 128 x 352 px of images of 450 x 800 px; others are first scaled to fit into these.
small_image_size = (128, 352)
small_scale_for = (450, 800)
small_images_train = dict(
    load_images=dict(type="LoadImages"),
    scale_images=dict(
        type="RandomScaleAndCropImages",
        size=small_image_size,
        scale=(0.4, 0.5),
        scale_for=small_scale_for,
        bicubic=False,
    ),
    flip_images=dict(type="RandomFlipImages"),
    rotate_images=None,
)
small_images_test = dict(
    load_images=dict(type="LoadImages"),
    resize_images=dict(
        type="ScaleAndCropImages",
        size=small_image_size,
        scale=0.44,
        scale_for=small_scale_for,
        bicubic=False,
    ),
)
