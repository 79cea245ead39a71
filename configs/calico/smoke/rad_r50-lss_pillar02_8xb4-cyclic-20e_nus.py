"""RAD from small PointPillars of random weights to a small ResNet: a smoke test."""

_base_ = [
    "../rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_pillars,
    **_base_.smoke_resnet,
    teacher_checkpoint=None,
    pts_projector=dict(in_channels=48),
    img_projector=dict(in_channels=16),
)
train_dataloader = dict(
    **_base_.smoke_loader,
    dataset=dict(
        **_base_.smoke_folders, pipeline=dict(**_base_.smoke_sweeps, **_base_.smoke_images_train)
    ),
)
val_dataloader = dict(
    **_base_.smoke_loader,
    dataset=dict(
        **_base_.smoke_folders, pipeline=dict(**_base_.smoke_sweeps, **_base_.smoke_images_test)
    ),
)
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
