"""Maps from LiDAR by small PointPillars: a smoke test."""

_base_ = [
    "../mapseg_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(**_base_.smoke_pillars, map_head=dict(in_channels=_base_.smoke_pts_channels))
train_dataloader = _base_.smoke_points
val_dataloader = train_dataloader
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
