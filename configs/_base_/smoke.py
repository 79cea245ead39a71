"""Sizes of smoke tests, which train in seconds on a CPU on synthetic data.

A smoke test lists the config that it shrinks first in ``_base_``, then this file.
"""

_base_ = ["./synthetic.py"]

from perception_kd.engine.config.bev_parts import cells_across, voxel_shape

smoke_loader = dict(batch_size=2, num_workers=0, persistent_workers=False)
smoke_folders = _base_.synthetic
smoke_sweeps = _base_.one_sweep
# 96 x 256 px of the images of synthetic data.
smoke_images_train = dict(
    scale_images=dict(size=(96, 256), scale=(0.3, 0.36), scale_for=_base_.synthetic_image_size),
    rotate_images=None,
)
smoke_images_test = dict(
    resize_images=dict(size=(96, 256), scale=0.32, scale_for=_base_.synthetic_image_size)
)
smoke_epochs = dict(max_epochs=2)

# Loaders of points, of images, and of both.
smoke_points = dict(**smoke_loader, dataset=dict(**smoke_folders, pipeline=smoke_sweeps))
smoke_cameras_train = dict(
    **smoke_loader, dataset=dict(**smoke_folders, pipeline=smoke_images_train)
)
smoke_cameras_test = dict(**smoke_loader, dataset=dict(**smoke_folders, pipeline=smoke_images_test))
smoke_both_train = dict(
    **smoke_loader,
    dataset=dict(**smoke_folders, pipeline=dict(**smoke_sweeps, **smoke_images_train)),
)
smoke_both_test = dict(
    **smoke_loader,
    dataset=dict(**smoke_folders, pipeline=dict(**smoke_sweeps, **smoke_images_test)),
)
# Training samples of detection are inside the data set that balances classes.
smoke_points_balanced = dict(smoke_points, dataset=dict(dataset=smoke_points["dataset"]))
smoke_cameras_balanced = dict(
    smoke_cameras_train, dataset=dict(dataset=smoke_cameras_train["dataset"])
)
smoke_both_balanced = dict(smoke_both_train, dataset=dict(dataset=smoke_both_train["dataset"]))

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

# BEV networks: maps of cameras and of LiDAR on the same cells of 0.8 m, fused, decoded.
smoke_img_neck_channels = 32
smoke_img_channels = 16
smoke_level_channels = [16, 16, 16]
smoke_pts_channels = sum(smoke_level_channels)
smoke_fused_channels = smoke_img_channels
smoke_bev_level_channels = [16, 16]
smoke_bev_channels = sum(smoke_bev_level_channels)
smoke_view_transform = dict(
    in_channels=smoke_img_neck_channels,
    out_channels=smoke_img_channels,
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
    img_neck=dict(in_channels=[48, 96, 192], out_channels=smoke_img_neck_channels),
    view_transform=smoke_view_transform,
)
smoke_resnet = dict(
    img_backbone=dict(depth=18, init_cfg=None),
    img_neck=dict(in_channels=[128, 256, 512], out_channels=smoke_img_neck_channels),
    view_transform=smoke_view_transform,
)
smoke_pillar_size = [0.4, 0.4, 8]
smoke_pillar_grid = (cells_across(smoke_pillar_size[1]), cells_across(smoke_pillar_size[0]))
smoke_pillar_channels = 16
smoke_pillars = dict(
    pts_voxelizer=dict(voxel_size=smoke_pillar_size),
    pts_voxel_encoder=dict(voxel_size=smoke_pillar_size, feat_channels=[smoke_pillar_channels]),
    pts_middle_encoder=dict(in_channels=smoke_pillar_channels, output_shape=smoke_pillar_grid),
    pts_backbone=dict(
        in_channels=smoke_pillar_channels, out_channels=[16, 16, 32], layer_nums=[1, 1, 1]
    ),
    pts_neck=dict(
        in_channels=[16, 16, 32], out_channels=smoke_level_channels, upsample_strides=[1, 2, 4]
    ),
)
smoke_voxel_size = [0.2, 0.2, 0.4]
smoke_voxels = dict(
    pts_voxelizer=dict(voxel_size=smoke_voxel_size),
    pts_middle_encoder=dict(
        sparse_shape=voxel_shape(smoke_voxel_size),
        base_channels=8,
        output_channels=16,
        encoder_channels=((8, 16), (16, 16), (16, 16)),
        encoder_paddings=((0, 1), (0, 1), (0, 0)),
    ),
)
# The sparse encoder ends in two cells along z, which become channels of its map.
smoke_voxel_map_channels = 2 * 16
smoke_fuser = dict(
    fuser=dict(
        in_channels=[smoke_img_channels, smoke_pts_channels], out_channels=smoke_fused_channels
    )
)
# The fused map has as many channels as that of the cameras, so both can enter here.
smoke_decoder = dict(
    bev_backbone=dict(in_channels=smoke_fused_channels, out_channels=[16, 32], layer_nums=[1, 1]),
    bev_neck=dict(in_channels=[16, 32], out_channels=smoke_bev_level_channels),
)
smoke_center_head = dict(
    pts_bbox_head=dict(in_channels=smoke_bev_channels, share_conv_channel=16, num_convs=1)
)
smoke_cameras_and_lidar = dict(**smoke_swin, **smoke_pillars, **smoke_fuser, **smoke_decoder)
# RAD's teacher has random weights.
smoke_rad = dict(
    **smoke_pillars,
    teacher_checkpoint=None,
    pts_projector=dict(in_channels=smoke_pts_channels),
    img_projector=dict(in_channels=smoke_img_channels),
)
