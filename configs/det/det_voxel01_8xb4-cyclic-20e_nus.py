"""CenterPoint with 0.1 m voxels."""

_base_ = [
    "../_base_/datasets/nuscenes_det_cbgs.py",
    "../_base_/models/pts_voxel01.py",
    "../_base_/models/det.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.det,
    **_base_.pts_voxel01,
    pts_bbox_head=dict(
        _base_.center_head, in_channels=_base_.pts_voxel01_channels, **_base_.bev_grid
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])
