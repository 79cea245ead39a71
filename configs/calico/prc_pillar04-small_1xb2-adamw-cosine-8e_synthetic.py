"""PRC of small PointPillars on synthetic data, in minutes on two CPU cores."""

_base_ = [
    "../_base_/datasets/nuscenes_regions.py",
    "../_base_/synthetic.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cosine_1xb2.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.prc,
    grid=_base_.bev_grid,
    **_base_.pts_pillar04_small,
    pts_projector=dict(**_base_.projector, in_channels=_base_.pts_pillar04_small_channels),
)

train_dataloader = dict(
    **_base_.synthetic_loader, dataset=dict(**_base_.synthetic, pipeline=_base_.one_sweep)
)
val_dataloader = train_dataloader
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=8, val_interval=8)
