"""Maps from six cameras alone, with Swin-T and lift-splat."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg_head.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.img_swint_lss,
    bev_backbone=dict(_base_.bev_second.bev_backbone, in_channels=80),
    bev_neck=_base_.bev_second.bev_neck,
    map_head=dict(in_channels=512),
)
load_pretrained_from = dict(ignore=["bev_", "map_head."])

# There is no cloud: the frame of the map moves alone.
train_pipeline = [
    *(*_base_.load_images, *_base_.augment_images, *_base_.move),
    *(*_base_.load_masks, *_base_.pack),
]
test_pipeline = [*_base_.load_images, *_base_.fit_images, *_base_.load_masks, *_base_.pack]
train_dataloader = dict(dataset=dict(cameras=None, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=test_pipeline))
test_dataloader = val_dataloader
