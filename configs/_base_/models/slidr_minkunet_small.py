"""SLidR: an EfficientNet-Lite0 with ImageNet weights teaches a small MinkUNet."""

_base_ = ["./minkunet_small.py"]

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
    pts_head=dict(type="VoxelProjection", in_channels=48, out_channels=64),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
