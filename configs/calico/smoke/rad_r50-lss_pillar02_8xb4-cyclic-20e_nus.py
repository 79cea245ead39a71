"""RAD from small PointPillars to cameras, on synthetic data.

To be small, they have a ResNet-18 in place of the name's ResNet-50.
"""

_base_ = ["./rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

model = dict(
    img_backbone=dict(
        _delete_=True, type="mmdet.ResNet", depth=18, out_indices=(1, 2, 3), norm_eval=False
    ),
    img_neck=dict(in_channels=[128, 256, 512]),
)
