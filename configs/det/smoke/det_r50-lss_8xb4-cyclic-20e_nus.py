"""Boxes from six cameras by a small ResNet: a smoke test."""

_base_ = [
    "../det_r50-lss_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(**_base_.smoke_resnet, **_base_.smoke_decoder, **_base_.smoke_center_head)
train_dataloader = _base_.smoke_cameras_balanced
val_dataloader = _base_.smoke_cameras_test
test_dataloader = val_dataloader
val_evaluator = _base_.smoke_folders
test_evaluator = val_evaluator
train_cfg = _base_.smoke_epochs
