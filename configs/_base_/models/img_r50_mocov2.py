"""A frozen ResNet-50 with MoCo v2 weights as a teacher, as in SLidR and PPKT."""

resnet50_mocov2 = dict(
    type="DilatedResNet",
    depth=50,
    out_stride=4,
    checkpoint="weights/moco_v2_800ep_pretrain.pth.tar",
)
img_r50_mocov2 = dict(
    img_backbone=dict(type="FrozenBackbone", backbone=resnet50_mocov2, max_views_per_forward=6),
    img_head=dict(type="PixelProjection", out_channels=64),
)
img_r50_mocov2_stride32 = dict(
    img_r50_mocov2,
    img_backbone=dict(
        img_r50_mocov2["img_backbone"], backbone=dict(resnet50_mocov2, out_stride=32)
    ),
)
