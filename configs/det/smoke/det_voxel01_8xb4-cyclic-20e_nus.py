"""Boxes from LiDAR by a small VoxelNet with voxels of 0.2 m: a smoke test."""

_base_ = [
    "../det_voxel01_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_voxels,
    pts_backbone=dict(in_channels=32, out_channels=[16, 32], layer_nums=[1, 1]),
    pts_neck=dict(in_channels=[16, 32], out_channels=[16, 16]),
    **_base_.smoke_center_head,
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
