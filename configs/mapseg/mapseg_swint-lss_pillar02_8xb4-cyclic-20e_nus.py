"""Maps from cameras and LiDAR: Swin-T with lift-splat, 0.2 m pillars, fused."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg_head.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    fuser=dict(type="ConvFuser", in_channels=[80, 384], out_channels=256),
    **_base_.bev_second,
    map_head=dict(in_channels=512),
)
load_pretrained_from = dict(ignore=["fuser.", "bev_", "map_head."])

train_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.augment_images, *_base_.move),
    *(*_base_.crop_points, *_base_.load_masks, *_base_.shuffle, *_base_.pack),
]
test_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.fit_images),
    *(*_base_.crop_points, *_base_.load_masks, *_base_.pack),
]
train_dataloader = dict(dataset=dict(cameras=None, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=test_pipeline))
test_dataloader = val_dataloader
