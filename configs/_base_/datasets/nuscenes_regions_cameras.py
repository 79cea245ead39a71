"""nuScenes with regions and six cameras; points and images share one augmentation."""

_base_ = ["./nuscenes_regions.py"]

load = dict(
    load_points=_base_.load_points,
    load_regions=_base_.load_regions,
    shuffle=_base_.shuffle,
    load_images=_base_.load_images,
    make_cloud_views=dict(),
)
train_pipeline = dict(
    **dict(load, load_points=_base_.load_points_train),
    **_base_.augment_points,
    **_base_.augment_images,
    sample_points=_base_.sample_points,
    pack=_base_.pack,
)
val_pipeline = dict(
    **load,
    resize_images=_base_.resize_images,
    sample_points=_base_.sample_points,
    pack=_base_.pack,
)

# cameras=None means all cameras.
train_dataloader = dict(dataset=dict(cameras=None, pipeline=dict(_delete_=True, **train_pipeline)))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=dict(_delete_=True, **val_pipeline)))
test_dataloader = val_dataloader
