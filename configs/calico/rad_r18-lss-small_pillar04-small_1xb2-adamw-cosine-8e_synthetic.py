"""RAD from small PointPillars to a small ResNet, on synthetic data: what the demo runs.

Give the teacher that ``prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic`` made:
``--cfg-options model.teacher_checkpoint=...``.
"""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/models/img_r18_lss_small.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.rad,
    **_base_.pts_pillar04_small,
    **_base_.img_r18_lss_small,
    pts_projector=dict(**_base_.projector, in_channels=96),
    img_projector=dict(**_base_.projector, in_channels=32),
)

data = dict(data_root="data/synthetic", info_root="data/synthetic")
small_loader = dict(batch_size=2, num_workers=1)
load_points = [dict(type="LoadPoints", num_sweeps=1), *_base_.load_points[1:]]
train_pipeline = [
    *(*load_points, *_base_.load_images, *_base_.move),
    *(*_base_.small_augment_images, _base_.sample_points, *_base_.pack),
]
val_pipeline = [
    *load_points,
    *_base_.load_images,
    *_base_.small_fit_images,
    _base_.sample_points,
    *_base_.pack,
]
train_dataloader = dict(**small_loader, dataset=dict(**data, pipeline=train_pipeline))
val_dataloader = dict(**small_loader, dataset=dict(**data, pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=dict(max_norm=35, norm_type=2))
train_cfg = dict(max_epochs=8, val_interval=8)
auto_scale_lr = dict(base_batch_size=2)
