"""SLidR: an EfficientNet-Lite0 with ImageNet weights teaches a small MinkUNet."""

_base_ = ["./minkunet_small.py"]

model = dict(
    type="SuperpixelDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    img_backbone=dict(
        type="FrozenBackbone",
        backbone=dict(type="EfficientNetLite", out_strides=(16,), checkpoint="package"),
    ),
    img_head=dict(type="PixelProjection", out_channels=64, align_corners=False),
    pts_head=dict(type="VoxelProjection", in_channels=48, out_channels=64),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
