"""PPKT for MinkUNet on nuScenes, the baseline of SLidR."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/ppkt_minkunet34.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]
