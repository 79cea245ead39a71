"""Boxes from LiDAR by a small VoxelNet with voxels of 0.2 m: a smoke test."""

_base_ = [
    "../det_voxel01_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_voxels,
    pts_backbone=dict(
        in_channels=_base_.smoke_voxel_map_channels, out_channels=[16, 32], layer_nums=[1, 1]
    ),
    pts_neck=dict(in_channels=[16, 32], out_channels=_base_.smoke_bev_level_channels),
    **_base_.smoke_center_head,
)
train_dataloader = _base_.smoke_points_balanced
val_dataloader = _base_.smoke_points
test_dataloader = val_dataloader
val_evaluator = _base_.smoke_folders
test_evaluator = val_evaluator
train_cfg = _base_.smoke_epochs
