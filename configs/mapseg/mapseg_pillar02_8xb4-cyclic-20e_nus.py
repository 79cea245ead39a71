"""Maps from LiDAR, with 0.2 m pillars."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/mapseg.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.mapseg,
    **_base_.pts_pillar02,
    map_head=dict(
        _base_.map_head,
        in_channels=_base_.pts_pillar02_channels,
        **_base_.map_grids,
    ),
)
load_pretrained_from = dict(ignore=["map_head."])
