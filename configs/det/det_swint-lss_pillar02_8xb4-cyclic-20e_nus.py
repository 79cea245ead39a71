"""Cameras and LiDAR: BEVFusion of Swin-T and 0.2 m pillars, CenterPoint's head."""

_base_ = [
    "../_base_/datasets/nuscenes_det_cbgs.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/det.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.det,
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    fuser=dict(
        type="ConvFuser",
        in_channels=[_base_.img_swint_lss_channels, _base_.pts_pillar02_channels],
        out_channels=_base_.fused_channels,
    ),
    **_base_.bev_second,
    pts_bbox_head=dict(
        _base_.center_head, in_channels=_base_.bev_second_channels, **_base_.bev_grid
    ),
)
load_pretrained_from = dict(ignore=["fuser.", "bev_", "pts_bbox_head."])

train_dataloader = dict(dataset=dict(dataset=dict(cameras=None, pipeline=_base_.images_train)))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=_base_.images_test))
test_dataloader = val_dataloader
val_evaluator = dict(submission_meta=dict(use_camera=True))
test_evaluator = val_evaluator

optim_wrapper = _base_.swint_optim_wrapper
