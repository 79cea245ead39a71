"""SLidR in minutes on two CPU cores, on some seconds of SemanticKITTI."""

_base_ = [
    "../_base_/datasets/semantickitti_pretrain.py",
    "../_base_/models/slidr_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

load_pipeline = [
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="superpixels/fast_150", settings=dict(num_segments=150)),
    dict(type="PairPointsWithPixels"),
]
# Whole images: crops would throw half of the few pairs of a short run away.
train_pipeline = [
    *load_pipeline,
    dict(type="RandomRotateZ"),
    dict(type="RandomFlipAxis"),
    dict(type="ResizeImages", size=(224, 736)),
    dict(type="RandomFlipImages"),
    dict(type="PackInputs"),
]
val_pipeline = [
    *load_pipeline,
    dict(type="ResizeImages", size=(224, 736)),
    dict(type="PackInputs"),
]
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=12)
