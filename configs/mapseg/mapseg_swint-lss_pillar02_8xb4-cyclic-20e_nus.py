"""Maps from cameras and LiDAR: Swin-T with lift-splat, 0.2 m pillars, fused."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/pts_pillar02.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.mapseg,
    **_base_.pts_pillar02,
    **dict(_base_.img_swint_lss, img_backbone=_base_.swint_mapseg_backbone),
    fuser=dict(
        type="ConvFuser",
        in_channels=[_base_.img_swint_lss_channels, _base_.pts_pillar02_channels],
        out_channels=_base_.fused_channels,
    ),
    **_base_.bev_second,
    map_head=dict(
        _base_.map_head,
        in_channels=_base_.bev_second_channels,
        **_base_.map_grids,
    ),
)
load_pretrained_from = dict(ignore=["fuser.", "bev_", "map_head."])

train_dataloader = dict(dataset=dict(cameras=None, pipeline=_base_.images_train))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=_base_.images_test))
test_dataloader = val_dataloader

optim_wrapper = _base_.swint_optim_wrapper
