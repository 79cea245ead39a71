"""PPKT for MinkUNet on nuScenes, the baseline of SLidR."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/ppkt_minkunet34.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]

# A seed to draw pairs over the batch takes the place of superpixels.
pack = [dict(type="DrawSeed"), dict(type="PackInputs")]
train_pipeline = [*_base_.train_pipeline[:2], *_base_.train_pipeline[3:-1], *pack]
val_pipeline = [*_base_.val_pipeline[:2], *_base_.val_pipeline[3:-1], *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
