"""PRC, then BEVDistill without labels instead of RAD: a baseline of CALICO."""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

# Only points in regions, since the published queries are objects.
steps = dict(sample_points=dict(num_background_points=0, ego_half_width=0.0))
train_dataloader = dict(dataset=dict(pipeline=steps))
val_dataloader = train_dataloader
test_dataloader = val_dataloader

relation_projector = dict(
    type="FeatureProjector", hidden_channels=(512,), out_channels=512, batch_norm=True
)
model = dict(
    type="BEVDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    teacher_checkpoint="work_dirs/prc_pillar02_8xb4-cyclic-20e_nus/epoch_20.pth",
    grid=_base_.bev_grid,
    img_channels=_base_.img_swint_lss_channels,
    pts_channels=_base_.pts_pillar02_channels,
    dense_weight=0.01,
    pts_relation_projector=dict(**relation_projector, in_channels=_base_.pts_pillar02_channels),
    img_projector=dict(**relation_projector, in_channels=_base_.img_swint_lss_channels),
    loss_relation=dict(**_base_.point_info_nce, loss_weight=0.2),
)

optim_wrapper = _base_.swint_optim_wrapper
