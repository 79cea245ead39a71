"""Maps from six cameras by a small Swin: a smoke test."""

_base_ = [
    "../mapseg_swint-lss_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_swin,
    **_base_.smoke_decoder,
    map_head=dict(in_channels=_base_.smoke_bev_channels),
)
train_dataloader = _base_.smoke_cameras_train
val_dataloader = _base_.smoke_cameras_test
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
