"""Maps from six cameras, with Swin-T and lift-splat."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/img_swint_lss.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.mapseg,
    **dict(_base_.img_swint_lss, img_backbone=_base_.swint_mapseg_backbone),
    bev_backbone=dict(_base_.bev_second.bev_backbone, in_channels=_base_.img_swint_lss_channels),
    bev_neck=_base_.bev_second.bev_neck,
    map_head=dict(
        _base_.map_head,
        in_channels=_base_.bev_second_channels,
        **_base_.map_grids,
    ),
)
load_pretrained_from = dict(ignore=["bev_", "map_head."])

# Without points, only the coordinates of the map are augmented.
cameras_train = dict(**_base_.images_train, **_base_.no_points)
cameras_test = dict(**_base_.images_test, **_base_.no_points)
train_dataloader = dict(dataset=dict(cameras=None, pipeline=cameras_train))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=cameras_test))
test_dataloader = val_dataloader

optim_wrapper = _base_.swint_optim_wrapper
