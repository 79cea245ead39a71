"""A small twin on synthetic data."""

_base_ = [
    "../det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/det_synthetic_twins.py",
]

model = dict(
    **_base_.small_camera,
    **_base_.small_lidar,
    fuser=dict(in_channels=[16, 48], out_channels=16),
    **_base_.small_decoder,
)

load_points = [dict(type="LoadPoints", num_sweeps=1)]
train_pipeline = [
    *(*load_points, *_base_.load_images, *_base_.load_boxes, *_base_.small_augment_images),
    *(*_base_.move, *_base_.crop_points, *_base_.crop_boxes, *_base_.shuffle, *_base_.pack),
]
test_pipeline = [
    *(*load_points, *_base_.load_images, *_base_.small_fit_images),
    *(*_base_.crop_points, *_base_.pack),
]
train_dataloader = dict(
    **_base_.small_loader, dataset=dict(dataset=dict(**_base_.data, pipeline=train_pipeline))
)
val_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(**_base_.data)
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2)
