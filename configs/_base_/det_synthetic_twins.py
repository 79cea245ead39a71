"""Sizes of the detectors that train in seconds on a CPU, on ``data/synthetic``."""

small_camera = dict(
    img_backbone=dict(
        embed_dims=24,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8],
        convert_weights=False,
        init_cfg=None,
    ),
    img_neck=dict(in_channels=[48, 96, 192], out_channels=32),
    view_transform=dict(
        in_channels=32,
        out_channels=16,
        cell_size=0.8,
        depth_range=(1.0, 60.0, 2.0),
        downsample=1,
    ),
)
small_decoder = dict(
    bev_backbone=dict(in_channels=16, out_channels=[16, 32], layer_nums=[1, 1]),
    bev_neck=dict(in_channels=[16, 32], out_channels=[16, 16]),
    pts_bbox_head=dict(in_channels=32, share_conv_channel=16, num_convs=1),
)
small_lidar = dict(
    pts_voxelizer=dict(voxel_size=[0.4, 0.4, 8]),
    pts_voxel_encoder=dict(voxel_size=[0.4, 0.4, 8], feat_channels=[16]),
    pts_middle_encoder=dict(in_channels=16, output_shape=(256, 256)),
    pts_backbone=dict(in_channels=16, out_channels=[16, 16, 32], layer_nums=[1, 1, 1]),
    pts_neck=dict(in_channels=[16, 16, 32], out_channels=[16, 16, 16], upsample_strides=[1, 2, 4]),
)
# 96 x 256 px of images that are 450 px high.
small_augment_images = [
    dict(type="RandomScaleAndCropImages", size=(96, 256), scale=(0.3, 0.36)),
    dict(type="RandomFlipImages"),
]
small_fit_images = [dict(type="ScaleAndCropImages", size=(96, 256), scale=0.32)]
small_loader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
)
data = dict(data_root="data/synthetic", info_root="data/synthetic")
