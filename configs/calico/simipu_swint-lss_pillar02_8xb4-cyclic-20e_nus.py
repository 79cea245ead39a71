"""SimIPU in BEV: cameras and LiDAR learn jointly. A baseline of CALICO."""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

# No regions; cameras share the augmentation of the first copy.
steps = dict(
    load_regions=None,
    make_cloud_views=_base_.make_cloud_views,
    sample_points=dict(num_region_points=0, num_background_points=2048),
)
no_augmentation = dict(rotate=None, scale=None, translate=None, flip=None)
train_dataloader = dict(dataset=dict(pipeline=dict(**steps, **no_augmentation)))
val_dataloader = dict(dataset=dict(pipeline=steps))
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
    pts_projector=dict(**three_layers, in_channels=_base_.pts_pillar02_channels),
    pts_img_projector=dict(**three_layers, in_channels=_base_.pts_pillar02_channels),
    img_projector=dict(**three_layers, in_channels=_base_.img_swint_lss_channels),
    loss_intra=_base_.point_info_nce,
    loss_inter=_base_.point_info_nce,
)

optim_wrapper = _base_.swint_optim_wrapper
