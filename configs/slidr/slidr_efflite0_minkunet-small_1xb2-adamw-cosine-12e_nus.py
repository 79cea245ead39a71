"""SLidR on two CPU cores, on a few keyframes in nuScenes' format."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

# Intensity is 0..255 here.
model = dict(pts_voxelizer=dict(feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0)))

load_pipeline = [
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="superpixels/fast_150", settings=dict(num_segments=150)),
    dict(type="PairPointsWithPixels"),
]
train_pipeline = [*load_pipeline, *_base_.train_pipeline[4:]]
val_pipeline = [*load_pipeline, *_base_.val_pipeline[4:]]
train_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(scenes=None, pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=2, num_workers=1, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=12)
# Larger than its two samples a step would ask for: the runs are short.
auto_scale_lr = dict(base_batch_size=2)
