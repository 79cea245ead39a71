"""PRC of small PointPillars in minutes on two CPU cores, on synthetic data."""

_base_ = [
    "../_base_/datasets/nuscenes_regions.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/models/calico.py",
    "../_base_/calico_synthetic_twins.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.prc,
    **_base_.pts_pillar04_small,
    pts_projector=dict(**_base_.projector, in_channels=96),
)

load_points = [*_base_.one_sweep, *_base_.load_points[1:]]
train_pipeline = [*load_points, *_base_.make_cloud_views, _base_.sample_points, *_base_.pack]
train_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=train_pipeline))
val_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=train_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=dict(max_norm=35, norm_type=2))
train_cfg = dict(max_epochs=8, val_interval=8)
auto_scale_lr = dict(base_batch_size=2)
