"""Maps from six cameras by a small Swin: a smoke test."""

_base_ = [
    "../mapseg_swint-lss_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_swin,
    **_base_.smoke_decoder,
    map_head=dict(in_channels=32),
)
train_dataloader = dict(
    **_base_.smoke_loader, dataset=dict(**_base_.smoke_folders, pipeline=_base_.smoke_images_train)
)
val_dataloader = dict(
    **_base_.smoke_loader, dataset=dict(**_base_.smoke_folders, pipeline=_base_.smoke_images_test)
)
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
