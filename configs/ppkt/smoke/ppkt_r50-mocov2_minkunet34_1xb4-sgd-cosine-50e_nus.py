"""PPKT of a small MinkUNet: a smoke test."""

_base_ = [
    "../ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(**_base_.smoke_teacher, **_base_.smoke_minkunet)
train_dataloader = _base_.smoke_one_camera
val_dataloader = _base_.smoke_one_camera
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
