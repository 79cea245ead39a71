"""SLidR for MinkUNet on nuScenes, with the teacher's features from a cache."""

_base_ = [
    "./slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "../_base_/datasets/stored_crops.py",
]

cached = _base_.stored["r50-mocov2"]
train_dataloader = dict(dataset=dict(pipeline=cached["train"]))
val_dataloader = dict(dataset=dict(pipeline=cached["val"]))
test_dataloader = val_dataloader
