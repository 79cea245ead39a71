"""Boxes from LiDAR by small PointPillars: a smoke test."""

_base_ = [
    "../det_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_pillars,
    pts_bbox_head=dict(in_channels=48, share_conv_channel=16, num_convs=1),
)
train_dataloader = dict(
    **_base_.smoke_loader,
    dataset=dict(dataset=dict(**_base_.smoke_folders, pipeline=_base_.smoke_sweeps)),
)
val_dataloader = dict(
    **_base_.smoke_loader, dataset=dict(**_base_.smoke_folders, pipeline=_base_.smoke_sweeps)
)
test_dataloader = val_dataloader
val_evaluator = _base_.smoke_folders
test_evaluator = val_evaluator
train_cfg = _base_.smoke_epochs
