"""CenterPoint with 0.1 m voxels."""

_base_ = [
    "../_base_/datasets/nuscenes_det.py",
    "../_base_/models/pts_voxel01.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="BEVDetector",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_voxel01,
    pts_bbox_head=dict(
        type="BEVCenterHead",
        in_channels=512,
        point_cloud_range=_base_.point_cloud_range,
        cell_size=0.8,
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])
