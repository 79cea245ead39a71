"""Cameras and LiDAR: BEVFusion of Swin-T and 0.2 m pillars, CenterPoint's head."""

_base_ = [
    "../_base_/datasets/nuscenes_det.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="BEVDetector",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    fuser=dict(type="ConvFuser", in_channels=[80, 384], out_channels=256),
    **_base_.bev_second,
    pts_bbox_head=dict(
        type="BEVCenterHead",
        in_channels=512,
        point_cloud_range=_base_.point_cloud_range,
        cell_size=0.8,
    ),
)
load_pretrained_from = dict(ignore=["fuser.", "bev_", "pts_bbox_head."])

train_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.load_boxes),
    *(*_base_.augment_images, *_base_.move, *_base_.crop_points, *_base_.crop_boxes),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [
    *(*_base_.load_points, *_base_.load_images),
    *(*_base_.fit_images, *_base_.crop_points, *_base_.pack),
]
train_dataloader = dict(dataset=dict(dataset=dict(cameras=None, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(submission_meta=dict(use_camera=True))
test_evaluator = val_evaluator
