"""PointPillars for two CPU cores: 0.4 m pillars to 96 channels at 0.8 m."""

pts_pillar04_small = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=[0.4, 0.4, 8],
        point_cloud_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0],
        max_num_points=20,
        max_voxels=(30000, 40000),
    ),
    pts_voxel_encoder=dict(
        type="PillarFeatureNet",
        in_channels=5,
        feat_channels=[32],
        voxel_size=[0.4, 0.4, 8],
        point_cloud_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0],
        norm_cfg=dict(type="BN1d", eps=1e-3, momentum=0.01),
        legacy=False,
    ),
    pts_middle_encoder=dict(type="PointPillarsScatter", in_channels=32, output_shape=(256, 256)),
    pts_backbone=dict(
        type="SECOND",
        in_channels=32,
        out_channels=[32, 64, 64],
        layer_nums=[1, 2, 2],
        layer_strides=[2, 2, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        conv_cfg=dict(type="Conv2d", bias=False),
    ),
    pts_neck=dict(
        type="SECONDFPN",
        in_channels=[32, 64, 64],
        out_channels=[32, 32, 32],
        upsample_strides=[1, 2, 4],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        upsample_cfg=dict(type="deconv", bias=False),
        use_conv_for_no_stride=True,
    ),
)
