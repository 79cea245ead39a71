"""CALICO's second stage: region-aware distillation from PointPillars to Swin-T and LSS.

The view transform sees only images. For fusion with LiDAR depth, use
``DepthLSSViewTransform`` both here and in the detector.
"""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.rad,
    grid=_base_.bev_grid,
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    teacher_checkpoint="work_dirs/prc_pillar02_8xb4-cyclic-20e_nus/epoch_20.pth",
    pts_projector=dict(**_base_.projector, in_channels=_base_.pts_pillar02_channels),
    img_projector=dict(**_base_.projector, in_channels=_base_.img_swint_lss_channels),
)

# A point that no camera sees cannot teach one. The paper does not say it is left out.
seen_points = dict(sample_points=dict(seen_only=True))
train_dataloader = dict(dataset=dict(pipeline=seen_points))
val_dataloader = dict(dataset=dict(pipeline=seen_points))
test_dataloader = val_dataloader

optim_wrapper = _base_.swint_optim_wrapper
