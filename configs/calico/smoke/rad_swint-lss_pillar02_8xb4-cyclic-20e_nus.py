"""RAD from small PointPillars to a small Swin, on synthetic data.

Give the teacher that ``prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic`` made:
``--cfg-options model.teacher_checkpoint=...``. Without one it is random, for tests.
"""

_base_ = [
    "../../_base_/datasets/nuscenes_regions_cameras.py",
    "../../_base_/models/pts_pillar04_small.py",
    "../../_base_/models/calico.py",
    "../../_base_/calico_synthetic_twins.py",
    "../../_base_/schedules/adamw_cosine.py",
    "../../_base_/default_runtime.py",
]

model = dict(
    **_base_.rad,
    **_base_.pts_pillar04_small,
    **_base_.small_camera,
    pts_projector=dict(**_base_.projector, in_channels=96),
    img_projector=dict(**_base_.projector, in_channels=16),
)

load_points = [*_base_.one_sweep, *_base_.load_points[1:]]
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
train_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=train_pipeline))
val_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-3), clip_grad=dict(max_norm=35, norm_type=2))
train_cfg = dict(max_epochs=8, val_interval=8)
auto_scale_lr = dict(base_batch_size=2)
