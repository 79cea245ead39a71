"""ResNet-50 with BEVFusion's FPN and lift-splat: 80 channels at 0.8 m.

The cells are 0.4 m before the view transform halves the map. The ImageNet weights are
torchvision's.
"""

_base_ = []

from perception_kd.engine.config.bev_parts import lift_splat

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
    view_transform=lift_splat(r50_neck_channels, 80, depth_step=0.5),
)
img_r50_lss_channels = img_r50_lss["view_transform"]["out_channels"]
