"""A frozen ResNet-50 with MoCo v2 weights, and what its students share."""

model = dict(
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
    img_head=dict(type="PixelProjection", out_channels=64),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)
