"""Six cameras: Swin-T, lift-splat, CenterPoint's head."""

_base_ = [
    "../_base_/datasets/nuscenes_det_cbgs.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/det.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.det,
    **_base_.img_swint_lss,
    bev_backbone=dict(_base_.bev_second.bev_backbone, in_channels=_base_.img_swint_lss_channels),
    bev_neck=_base_.bev_second.bev_neck,
    pts_bbox_head=dict(
        _base_.center_head, in_channels=_base_.bev_second_channels, **_base_.bev_grid
    ),
)
load_pretrained_from = dict(ignore=["bev_", "pts_bbox_head."])

# Without points, only boxes and the coordinates of the map are augmented.
cameras_train = dict(**_base_.images_train, **_base_.no_points)
cameras_test = dict(**_base_.images_test, **_base_.no_points)
train_dataloader = dict(dataset=dict(dataset=dict(cameras=None, pipeline=cameras_train)))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=cameras_test))
test_dataloader = val_dataloader
val_evaluator = dict(submission_meta=dict(use_camera=True, use_lidar=False))
test_evaluator = val_evaluator

optim_wrapper = _base_.swint_optim_wrapper
