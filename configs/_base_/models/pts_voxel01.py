"""VoxelNet with SECOND and FPN: 0.1 m voxels to 512 channels at 0.8 m.

The parts and names are those of mmdet3d's CenterPoint.
"""

_base_ = []

from perception_kd.engine.config.bev_parts import bev_range, second_fpn, voxel_shape

voxel_size = [0.1, 0.1, 0.2]
encoder_channels = 128
# The sparse encoder ends in two cells along z, which become channels of its map.
encoder_map_channels = 2 * encoder_channels
levels = second_fpn(
    encoder_map_channels,
    [128, 256],
    [5, 5],
    layer_strides=[1, 2],
    out_channels=[256, 256],
    upsample_strides=[1, 2],
)

pts_voxel01 = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=voxel_size,
        point_cloud_range=bev_range(),
        max_num_points=10,
        max_voxels=(90000, 120000),
    ),
    pts_voxel_encoder=dict(type="HardSimpleVFE", num_features=5),
    pts_middle_encoder=dict(
        type="SparseEncoder",
        in_channels=5,
        sparse_shape=voxel_shape(voxel_size),
        output_channels=encoder_channels,
        order=("conv", "norm", "act"),
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0)),
        block_type="basicblock",
    ),
    pts_backbone=levels[0],
    pts_neck=levels[1],
)
pts_voxel01_channels = sum(pts_voxel01["pts_neck"]["out_channels"])
del levels
