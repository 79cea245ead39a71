"""Maps from LiDAR alone, with 0.2 m pillars."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/mapseg_head.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(**_base_.pts_pillar02, map_head=dict(in_channels=384))
load_pretrained_from = dict(ignore=["map_head."])
