"""PRC of a small VoxelNet with voxels of 0.2 m: a smoke test."""

_base_ = [
    "../prc_voxel01_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_voxels,
    pts_projector=dict(in_channels=_base_.smoke_voxel_map_channels),
)
train_dataloader = _base_.smoke_points
val_dataloader = train_dataloader
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
