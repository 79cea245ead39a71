"""RAD from small PointPillars of random weights to a small ResNet: a smoke test."""

_base_ = [
    "../rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(**_base_.smoke_rad, **_base_.smoke_resnet)
train_dataloader = _base_.smoke_both_train
val_dataloader = _base_.smoke_both_test
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
