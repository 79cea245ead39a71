"""SLidR: a ResNet-50 with MoCo v2 weights teaches a VoxelNet, seen from above.

Unlike the published code the grid has 41 cells along z, so that points above 0.6 m
reach the map, and a cell's value lies at its center.
"""

point_cloud_range = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)

model = dict(
    type="SuperpixelDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    img_backbone=dict(
        type="FrozenBackbone",
        backbone=dict(
            type="DilatedResNet",
            depth=50,
            out_stride=4,
            checkpoint="weights/moco_v2_800ep_pretrain.pth.tar",
        ),
        max_views_per_forward=6,
    ),
    img_head=dict(type="PixelProjection", in_channels=2048, out_channels=64, scale_factor=4),
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.1, 0.1, 0.2),
        coordinates="cartesian",
        point_cloud_range=point_cloud_range,
        reduce="mean",
        feature_columns=(0, 1, 2, 3),
        max_points=10,
    ),
    # mmdet3d's defaults are the published layers (OpenPCDet's VoxelBackBone8x).
    pts_middle_encoder=dict(type="SparseEncoder", in_channels=4, sparse_shape=[41, 1024, 1024]),
    pts_head=dict(
        type="BEVProjection",
        in_channels=256,
        out_channels=64,
        point_cloud_range=point_cloud_range,
        cell_size=0.8,
    ),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
