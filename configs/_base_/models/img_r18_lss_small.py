"""A ResNet-18 of half width and lift-splat for two CPU cores: 32 channels at 0.8 m."""

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
    img_neck=dict(type="GeneralizedLSSFPN", in_channels=[64, 128, 256], out_channels=64),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=64,
        out_channels=32,
        point_cloud_range=[-51.2, -51.2, -10.0, 51.2, 51.2, 10.0],
        cell_size=0.4,
        depth_range=(1.0, 60.0, 1.0),
        downsample=2,
    ),
)
# 128 x 352 px of images that are 450 px high.
small_augment_images = [
    dict(type="RandomScaleAndCropImages", size=(128, 352), scale=(0.4, 0.5)),
    dict(type="RandomFlipImages"),
]
small_fit_images = [dict(type="ScaleAndCropImages", size=(128, 352), scale=0.44)]
