"""SLidR: a ResNet-50 with MoCo v2 weights teaches a MinkUNet-34."""

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
        voxel_size=(0.1, 1.0, 0.1),
        coordinates="cylindrical",
        feature_columns=(3,),
    ),
    pts_backbone=dict(type="MinkUNet", in_channels=1),
    pts_head=dict(type="VoxelProjection", in_channels=96, out_channels=64),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
