"""SLidR: an EfficientNet-Lite0 with ImageNet weights teaches a small MinkUNet."""

model = dict(
    type="SuperpixelDistillation",
    # What EfficientNet-Lite0 was trained with.
    data_preprocessor=dict(
        type="CameraLidarDataPreprocessor", mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)
    ),
    img_backbone=dict(
        type="FrozenBackbone",
        backbone=dict(type="EfficientNetLite", out_strides=(16,), checkpoint="package"),
    ),
    img_head=dict(
        type="PixelProjection",
        in_channels=112,
        out_channels=64,
        scale_factor=16,
        align_corners=False,
        # Its padding puts the first cell there.
        cell_offset=15.0,
    ),
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.15, 0.15, 0.15),
        coordinates="cartesian",
        reduce="mean",
        # Intensity, height in units of 2 m, place in the voxel.
        feature_columns=(3, 2, "offset"),
        feature_scale=(1.0, 0.5, 1.0, 1.0, 1.0),
    ),
    pts_backbone=dict(
        type="MinkUNet",
        in_channels=5,
        base_channels=16,
        encoder_channels=(16, 32, 64, 128),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(96, 64, 48, 48),
        decoder_blocks=(1, 1, 1, 1),
    ),
    pts_head=dict(type="VoxelProjection", in_channels=48, out_channels=64),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
