"""A small twin on synthetic data."""

_base_ = ["../mapseg_swint-lss_8xb4-cyclic-20e_nus.py", "../../_base_/det_synthetic_twins.py"]

model = dict(
    **_base_.small_camera,
    bev_backbone=_base_.small_decoder.bev_backbone,
    bev_neck=_base_.small_decoder.bev_neck,
    map_head=dict(in_channels=32),
)

train_pipeline = [
    *(*_base_.load_images, *_base_.small_augment_images, *_base_.move),
    *(*_base_.load_masks, *_base_.pack),
]
test_pipeline = [*(*_base_.load_images, *_base_.small_fit_images, *_base_.load_masks, *_base_.pack)]
train_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=train_pipeline))
val_dataloader = dict(**_base_.small_loader, dataset=dict(**_base_.data, pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
