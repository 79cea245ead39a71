"""BEVDistill without labels, small PointPillars to small Swin, on synthetic data."""

_base_ = ["./rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"]

relation_projector = dict(
    type="FeatureProjector", hidden_channels=(512,), out_channels=512, batch_norm=True
)
model = dict(
    _delete_=True,
    type="BEVDistillation",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar04_small,
    **_base_.small_camera,
    sampler=dict(
        type="RegionSampler",
        point_cloud_range=_base_.region_sampler.point_cloud_range,
        num_rich=1024,
        num_less=0,
    ),
    cell_size=0.8,
    img_channels=16,
    pts_channels=96,
    pts_relation_projector=dict(**relation_projector, in_channels=96),
    img_projector=dict(**relation_projector, in_channels=16),
    loss_relation=dict(**_base_.point_info_nce, loss_weight=0.2),
)
