"""Sizes of the pre-trainings that train in minutes on a CPU, on ``data/synthetic``.

The image network is that of the small detectors, so that it can be handed on.
"""

small_loader = dict(batch_size=2, num_workers=1)
data = dict(data_root="data/synthetic", info_root="data/synthetic")
# One earlier sweep, as the small detectors have.
one_sweep = [dict(type="LoadPoints", num_sweeps=1)]
small_camera = dict(
    img_backbone=dict(
        type="mmdet.SwinTransformer",
        embed_dims=24,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8],
        window_size=7,
        drop_path_rate=0.2,
        out_indices=(1, 2, 3),
    ),
    img_neck=dict(type="GeneralizedLSSFPN", in_channels=[48, 96, 192], out_channels=32),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=32,
        out_channels=16,
        point_cloud_range=[-51.2, -51.2, -10.0, 51.2, 51.2, 10.0],
        cell_size=0.8,
        depth_range=(1.0, 60.0, 2.0),
        downsample=1,
    ),
)
# 96 x 256 px of images that are 450 px high.
small_augment_images = [
    dict(type="RandomScaleAndCropImages", size=(96, 256), scale=(0.3, 0.36)),
    dict(type="RandomFlipImages"),
]
small_fit_images = [dict(type="ScaleAndCropImages", size=(96, 256), scale=0.32)]
