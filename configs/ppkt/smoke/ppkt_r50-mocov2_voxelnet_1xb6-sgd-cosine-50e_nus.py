"""PPKT of a small VoxelNet: a smoke test."""

_base_ = [
    "../ppkt_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(**_base_.smoke_teacher, **_base_.smoke_voxelnet)
train_dataloader = _base_.smoke_one_camera
val_dataloader = _base_.smoke_one_camera
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
