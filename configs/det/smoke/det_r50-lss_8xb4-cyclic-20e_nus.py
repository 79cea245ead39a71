"""A small twin on synthetic data, with a ResNet-18 in place of the ResNet-50."""

_base_ = ["./det_swint-lss_8xb4-cyclic-20e_nus.py"]

model = dict(
    img_backbone=dict(
        _delete_=True, type="mmdet.ResNet", depth=18, out_indices=(1, 2, 3), norm_eval=False
    ),
    img_neck=dict(in_channels=[128, 256, 512]),
)
