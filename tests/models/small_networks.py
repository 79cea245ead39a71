"""Small LiDAR networks of mmdet3d's parts, on a map of 16 x 32 or 8 x 16 cells."""

from typing import Any

RANGE = (-6.4, -3.2, -5.0, 6.4, 3.2, 3.0)
SECOND: dict[str, Any] = dict(
    pts_backbone=dict(
        type="SECOND", in_channels=8, out_channels=[8, 8], layer_nums=[1, 1], layer_strides=[2, 2]
    ),
    pts_neck=dict(
        type="SECONDFPN",
        in_channels=[8, 8],
        out_channels=[6, 6],
        upsample_strides=[1, 2],
        use_conv_for_no_stride=True,
    ),
)
PILLARS: dict[str, Any] = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=(0.2, 0.2, 8),
        point_cloud_range=RANGE,
        max_num_points=20,
        max_voxels=(30000, 40000),
    ),
    pts_voxel_encoder=dict(
        type="PillarFeatureNet",
        in_channels=5,
        feat_channels=[8],
        voxel_size=(0.2, 0.2, 8),
        point_cloud_range=RANGE,
        legacy=False,
    ),
    pts_middle_encoder=dict(type="PointPillarsScatter", in_channels=8, output_shape=(32, 64)),
    **SECOND,
)
VOXELNET: dict[str, Any] = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=(0.1, 0.1, 0.2),
        point_cloud_range=RANGE,
        max_num_points=10,
        max_voxels=(90000, 120000),
    ),
    pts_voxel_encoder=dict(type="HardSimpleVFE", num_features=5),
    pts_middle_encoder=dict(
        type="SparseEncoder",
        in_channels=5,
        sparse_shape=[41, 64, 128],
        base_channels=4,
        output_channels=4,
        encoder_channels=((4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 4)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0)),
        block_type="basicblock",
    ),
)
