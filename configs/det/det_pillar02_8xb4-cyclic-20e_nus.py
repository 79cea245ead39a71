"""CenterPoint with 0.2 m pillars."""

_base_ = [
    "../_base_/datasets/nuscenes_det.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="BEVDetector",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar02,
    pts_bbox_head=dict(
        type="BEVCenterHead",
        in_channels=384,
        point_cloud_range=_base_.point_cloud_range,
        cell_size=0.8,
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])
