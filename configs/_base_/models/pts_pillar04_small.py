"""PointPillars for two CPU cores: 0.4 m pillars to 96 channels at 0.8 m."""

pillar_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
pillar_size = [0.4, 0.4, 8]
pillar_cells = round((pillar_range[3] - pillar_range[0]) / pillar_size[0])
pillar_channels = 32
level_channels = [32, 64, 64]

pts_pillar04_small = dict(
    pts_voxelizer=dict(
        type="HardVoxelizer",
        voxel_size=pillar_size,
        point_cloud_range=pillar_range,
        max_num_points=20,
        max_voxels=(30000, 40000),
    ),
    pts_voxel_encoder=dict(
        type="PillarFeatureNet",
        in_channels=5,
        feat_channels=[pillar_channels],
        voxel_size=pillar_size,
        point_cloud_range=pillar_range,
        norm_cfg=dict(type="BN1d", eps=1e-3, momentum=0.01),
        legacy=False,
    ),
    pts_middle_encoder=dict(
        type="PointPillarsScatter",
        in_channels=pillar_channels,
        output_shape=(pillar_cells, pillar_cells),
    ),
    pts_backbone=dict(
        type="SECOND",
        in_channels=pillar_channels,
        out_channels=level_channels,
        layer_nums=[1, 2, 2],
        layer_strides=[2, 2, 2],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        conv_cfg=dict(type="Conv2d", bias=False),
    ),
    pts_neck=dict(
        type="SECONDFPN",
        in_channels=level_channels,
        out_channels=[32, 32, 32],
        upsample_strides=[1, 2, 4],
        norm_cfg=dict(type="BN", eps=1e-3, momentum=0.01),
        upsample_cfg=dict(type="deconv", bias=False),
        use_conv_for_no_stride=True,
    ),
)
pts_pillar04_small_channels = sum(pts_pillar04_small["pts_neck"]["out_channels"])
