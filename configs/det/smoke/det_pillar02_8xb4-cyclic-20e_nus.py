"""Boxes from LiDAR by small PointPillars: a smoke test."""

_base_ = [
    "../det_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_pillars,
    pts_bbox_head=dict(in_channels=_base_.smoke_pts_channels, share_conv_channel=16, num_convs=1),
)
train_dataloader = _base_.smoke_points_balanced
val_dataloader = _base_.smoke_points
test_dataloader = val_dataloader
val_evaluator = _base_.smoke_folders
test_evaluator = val_evaluator
train_cfg = _base_.smoke_epochs
