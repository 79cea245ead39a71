"""A small twin on synthetic data."""

_base_ = ["../det_swint-lss_8xb4-cyclic-20e_nus.py", "../../_base_/det_synthetic_twins.py"]

model = dict(**_base_.small_camera, **_base_.small_decoder)

train_pipeline = [
    *(*_base_.load_images, *_base_.load_boxes, *_base_.small_augment_images, *_base_.move),
    *(*_base_.crop_boxes, *_base_.pack),
]
test_pipeline = [*_base_.load_images, *_base_.small_fit_images, *_base_.pack]
train_dataloader = dict(
    **_base_.small_loader, dataset=dict(dataset=dict(**_base_.data, pipeline=train_pipeline))
)
val_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(**_base_.data)
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2)
