"""BEVDistill from small PointPillars to a small Swin: a smoke test."""

_base_ = [
    "../bev-distill_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_pillars,
    **_base_.smoke_swin,
    teacher_checkpoint=None,
    img_channels=_base_.smoke_img_channels,
    pts_channels=_base_.smoke_pts_channels,
    pts_relation_projector=dict(in_channels=_base_.smoke_pts_channels),
    img_projector=dict(in_channels=_base_.smoke_img_channels),
)
train_dataloader = _base_.smoke_both_train
val_dataloader = _base_.smoke_both_test
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
