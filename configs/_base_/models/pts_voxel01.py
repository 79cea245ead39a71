"""VoxelNet with SECOND and FPN: 0.1 m voxels to 512 channels at 0.8 m.

The parts and names are those of mmdet3d's CenterPoint.
"""

encoder_channels = 128
level_channels = [128, 256]
# The sparse encoder ends in two cells along z, which become channels of its map.
encoder_map_channels = 2 * encoder_channels

pts_voxel01 = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=[0.1, 0.1, 0.2],
        point_cloud_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0],
        max_num_points=10,
        max_voxels=(90000, 120000),
    ),
    pts_voxel_encoder=dict(type="HardSimpleVFE", num_features=5),
    pts_middle_encoder=dict(
        type="SparseEncoder",
        in_channels=5,
        sparse_shape=[41, 1024, 1024],
        output_channels=encoder_channels,
        order=("conv", "norm", "act"),
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0)),
        block_type="basicblock",
    ),
    pts_backbone=dict(
        type="SECOND",
        in_channels=encoder_map_channels,
        out_channels=level_channels,
        layer_nums=[5, 5],
        layer_strides=[1, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        conv_cfg=dict(type="Conv2d", bias=False),
    ),
    pts_neck=dict(
        type="SECONDFPN",
        in_channels=level_channels,
        out_channels=[256, 256],
        upsample_strides=[1, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        upsample_cfg=dict(type="deconv", bias=False),
        use_conv_for_no_stride=True,
    ),
)
pts_voxel01_channels = sum(pts_voxel01["pts_neck"]["out_channels"])
