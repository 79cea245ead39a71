"""nuScenes with regions and six cameras; cloud and cameras share one augmentation."""

_base_ = ["./nuscenes_regions.py"]

train_pipeline = [
    *_base_.load_points,
    *_base_.load_images,
    *_base_.move,
    *_base_.augment_images,
    _base_.sample_points,
    *_base_.pack,
]
val_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.fit_images),
    *(_base_.sample_points, *_base_.pack),
]
# None for cameras means all of them.
train_dataloader = dict(dataset=dict(cameras=None, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=val_pipeline))
test_dataloader = val_dataloader
