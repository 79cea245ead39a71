"""SimIPU seen from above: cameras and LiDAR learn jointly. CALICO compares with it."""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

# No regions; cameras follow the first view.
load_points = [dict(type="LoadPoints", num_sweeps=9), dict(type="ShufflePoints")]
sample_points = dict(_base_.sample_points, num_region_points=0, num_background_points=2048)
train_pipeline = [
    *(*load_points, *_base_.load_images, *_base_.make_cloud_views),
    *(*_base_.augment_images, sample_points, *_base_.pack),
]
val_pipeline = [
    *(
        *load_points,
        *_base_.load_images,
        *_base_.make_cloud_views,
        *_base_.fit_images,
        sample_points,
        *_base_.pack,
    )
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

three_layers = dict(
    type="FeatureProjector", hidden_channels=(128, 128), out_channels=128, batch_norm=True
)
model = dict(
    type="CameraLidarContrast",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar02,
    **_base_.img_swint_lss,
    grid=_base_.bev_grid,
    pts_projector=dict(**three_layers, in_channels=384),
    pts_img_projector=dict(**three_layers, in_channels=384),
    img_projector=dict(**three_layers, in_channels=80),
    loss_intra=_base_.point_info_nce,
    loss_inter=_base_.point_info_nce,
)
