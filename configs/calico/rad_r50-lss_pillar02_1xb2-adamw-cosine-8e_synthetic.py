"""RAD from small PointPillars to a ResNet-18, on synthetic data."""

_base_ = ["./rad_swint-lss_pillar02_1xb2-adamw-cosine-8e_synthetic.py"]

model = dict(
    img_backbone=dict(
        _delete_=True, type="mmdet.ResNet", depth=18, out_indices=(1, 2, 3), norm_eval=False
    ),
    img_neck=dict(in_channels=[128, 256, 512]),
)
