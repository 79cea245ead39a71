"""Sizes of smoke tests, which train in seconds on a CPU on synthetic data.

A smoke test lists the config that it shrinks first in ``_base_``, then this file.
"""

smoke_loader = dict(batch_size=2, num_workers=0, persistent_workers=False)
smoke_folders = dict(data_root="data/synthetic", info_root="data/synthetic")
smoke_sweeps = dict(load_points=dict(num_sweeps=1))
# 96 x 256 px of images that are 450 px high.
smoke_images_train = dict(
    scale_images=dict(size=(96, 256), scale=(0.3, 0.36)),
    rotate_images=None,
)
smoke_images_test = dict(resize_images=dict(size=(96, 256), scale=0.32))
smoke_epochs = dict(max_epochs=2)

# SLidR and PPKT: a teacher of random weights, small students, one camera.
smoke_teacher = dict(
    img_backbone=dict(backbone=dict(depth=18, out_stride=32, checkpoint=None)),
)
smoke_minkunet = dict(
    pts_backbone=dict(
        base_channels=8,
        encoder_channels=(8, 16, 16, 32),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(32, 16, 16, 16),
        decoder_blocks=(1, 1, 1, 1),
    ),
    pts_head=dict(in_channels=16),
)
smoke_voxelnet = dict(
    pts_middle_encoder=dict(
        base_channels=8,
        output_channels=16,
        encoder_channels=((8,), (8, 8, 8), (16, 16, 16), (16, 16, 16)),
    ),
    pts_head=dict(in_channels=32),
)
smoke_one_camera = dict(**smoke_loader, dataset=dict(**smoke_folders, cameras=["CAM_FRONT"]))

# BEV networks: 16 channels from cameras, 48 from LiDAR, both on cells of 0.8 m.
smoke_view_transform = dict(
    in_channels=32,
    out_channels=16,
    cell_size=0.8,
    depth_range=(1.0, 60.0, 2.0),
    downsample=1,
)
smoke_swin = dict(
    img_backbone=dict(
        embed_dims=24,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8],
        convert_weights=False,
        init_cfg=None,
    ),
    img_neck=dict(in_channels=[48, 96, 192], out_channels=32),
    view_transform=smoke_view_transform,
)
smoke_resnet = dict(
    img_backbone=dict(depth=18, init_cfg=None),
    img_neck=dict(in_channels=[128, 256, 512], out_channels=32),
    view_transform=smoke_view_transform,
)
smoke_pillars = dict(
    pts_voxelizer=dict(voxel_size=[0.4, 0.4, 8]),
    pts_voxel_encoder=dict(voxel_size=[0.4, 0.4, 8], feat_channels=[16]),
    pts_middle_encoder=dict(in_channels=16, output_shape=(256, 256)),
    pts_backbone=dict(in_channels=16, out_channels=[16, 16, 32], layer_nums=[1, 1, 1]),
    pts_neck=dict(in_channels=[16, 16, 32], out_channels=[16, 16, 16], upsample_strides=[1, 2, 4]),
)
smoke_voxels = dict(
    pts_voxelizer=dict(voxel_size=[0.2, 0.2, 0.4]),
    pts_middle_encoder=dict(
        sparse_shape=[21, 512, 512],
        base_channels=8,
        output_channels=16,
        encoder_channels=((8, 16), (16, 16), (16, 16)),
        encoder_paddings=((0, 1), (0, 1), (0, 0)),
    ),
)
smoke_fuser = dict(fuser=dict(in_channels=[16, 48], out_channels=16))
smoke_decoder = dict(
    bev_backbone=dict(in_channels=16, out_channels=[16, 32], layer_nums=[1, 1]),
    bev_neck=dict(in_channels=[16, 32], out_channels=[16, 16]),
)
smoke_center_head = dict(pts_bbox_head=dict(in_channels=32, share_conv_channel=16, num_convs=1))
