"""ResNet-50 with BEVFusion's FPN and lift-splat: 80 channels at 0.8 m.

The cells are 0.4 m before the view transform halves the map. The ImageNet weights are
torchvision's.
"""

r50_neck_channels = 256

img_r50_lss = dict(
    img_backbone=dict(
        type="mmdet.ResNet",
        depth=50,
        out_indices=(1, 2, 3),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=False,
        init_cfg=dict(type="Pretrained", checkpoint="weights/resnet50-0676ba61.pth"),
    ),
    img_neck=dict(
        type="GeneralizedLSSFPN", in_channels=[512, 1024, 2048], out_channels=r50_neck_channels
    ),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=r50_neck_channels,
        out_channels=80,
        point_cloud_range=[-51.2, -51.2, -10.0, 51.2, 51.2, 10.0],
        cell_size=0.4,
        depth_range=(1.0, 60.0, 0.5),
        downsample=2,
    ),
)
img_r50_lss_channels = img_r50_lss["view_transform"]["out_channels"]
