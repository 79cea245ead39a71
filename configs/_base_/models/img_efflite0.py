"""A frozen EfficientNet-Lite0 with ImageNet weights as a teacher."""

img_efflite0 = dict(
    img_backbone=dict(
        type="FrozenBackbone",
        backbone=dict(type="EfficientNetLite", out_strides=(16,), checkpoint="package"),
    ),
    img_head=dict(type="PixelProjection", out_channels=64, align_corners=False),
)
