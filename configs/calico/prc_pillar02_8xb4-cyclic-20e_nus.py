"""CALICO's first stage: point-region contrast of PointPillars, without labels."""

_base_ = [
    "../_base_/datasets/nuscenes_regions.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.prc,
    grid=_base_.bev_grid,
    **_base_.pts_pillar02,
    pts_projector=dict(**_base_.projector, in_channels=_base_.pts_pillar02_channels),
)
