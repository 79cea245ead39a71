"""RAD from PointPillars of PRC to a ResNet-50 with lift-splat."""

_base_ = ["./rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py", "../_base_/models/img_r50_lss.py"]

model = dict(
    img_backbone=dict(_base_.img_r50_lss.img_backbone, _delete_=True),
    img_neck=_base_.img_r50_lss.img_neck,
)
optim_wrapper = dict(paramwise_cfg=None)
