"""SimIPU seen from above, of small PointPillars and a small Swin, on synthetic data."""

_base_ = ["./rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

load_points = [*_base_.one_sweep, dict(type="ShufflePoints")]
load = [*load_points, *_base_.load_images, *_base_.make_cloud_views]
sample_points = dict(_base_.sample_points, num_region_points=0, num_background_points=1024)
train_pipeline = [*load, *_base_.small_augment_images, sample_points, *_base_.pack]
val_pipeline = [*load, *_base_.small_fit_images, sample_points, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

three_layers = dict(
    type="FeatureProjector", hidden_channels=(128, 128), out_channels=128, batch_norm=True
)
model = dict(
    _delete_=True,
    type="CameraLidarContrast",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar04_small,
    **_base_.small_camera,
    grid=_base_.bev_grid,
    pts_projector=dict(**three_layers, in_channels=96),
    pts_img_projector=dict(**three_layers, in_channels=96),
    img_projector=dict(**three_layers, in_channels=16),
    loss_intra=_base_.point_info_nce,
    loss_inter=_base_.point_info_nce,
)
