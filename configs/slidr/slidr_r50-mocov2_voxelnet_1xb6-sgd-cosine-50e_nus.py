"""SLidR as published for VoxelNet on nuScenes: larger superpixels, all 700 scenes."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr_voxelnet.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]

load_pipeline = [
    dict(type="LoadPoints"),
    # The disc and not the square: no rotation can push a point out of the grid.
    dict(type="CropToDisc", radius=51.2, z_range=(-5.0, 3.0)),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="superpixels/skimage_30", settings=dict(num_segments=30)),
    dict(type="PairPointsWithPixels"),
]
train_pipeline = [*load_pipeline, *_base_.train_pipeline[4:]]
val_pipeline = [*load_pipeline, *_base_.val_pipeline[4:]]
train_dataloader = dict(batch_size=6, dataset=dict(scenes=None, pipeline=train_pipeline))
val_dataloader = dict(batch_size=6, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=0.01))
auto_scale_lr = dict(base_batch_size=6)
