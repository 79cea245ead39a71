"""Six cameras: ResNet-50, lift-splat, CenterPoint's head."""

_base_ = ["./det_swint-lss_8xb4-cyclic-20e_nus.py", "../_base_/models/img_r50_lss.py"]

model = dict(
    img_backbone=dict(_base_.img_r50_lss.img_backbone, _delete_=True),
    img_neck=_base_.img_r50_lss.img_neck,
)
optim_wrapper = dict(paramwise_cfg=None)
