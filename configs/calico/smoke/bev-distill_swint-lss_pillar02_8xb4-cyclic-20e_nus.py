"""BEVDistill without labels, small PointPillars to small Swin, on synthetic data."""

_base_ = ["./rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

# Only points in regions: the published queries are objects.
sample_points = dict(
    _base_.sample_points, num_region_points=1024, num_background_points=0, ego_half_width=0.0
)
train_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.move),
    *(*_base_.small_augment_images, sample_points, *_base_.pack),
]
val_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.small_fit_images),
    *(sample_points, *_base_.pack),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

relation_projector = dict(
    type="FeatureProjector", hidden_channels=(512,), out_channels=512, batch_norm=True
)
model = dict(
    _delete_=True,
    type="BEVDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar04_small,
    **_base_.small_camera,
    grid=_base_.bev_grid,
    img_channels=16,
    pts_channels=96,
    pts_relation_projector=dict(**relation_projector, in_channels=96),
    img_projector=dict(**relation_projector, in_channels=16),
    loss_relation=dict(**_base_.point_info_nce, loss_weight=0.2),
)
