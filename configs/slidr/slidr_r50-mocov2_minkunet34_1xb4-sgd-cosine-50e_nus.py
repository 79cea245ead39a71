"""SLidR as published for MinkUNet on nuScenes."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr_minkunet34.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]
