"""CenterPoint with 0.2 m pillars."""

_base_ = [
    "../_base_/datasets/nuscenes_det_cbgs.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/det.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.det,
    **_base_.pts_pillar02,
    pts_bbox_head=dict(
        _base_.center_head, in_channels=_base_.pts_pillar02_channels, **_base_.bev_grid
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])
