"""Maps from six cameras by a small ResNet on synthetic data: `make demo` runs it."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/synthetic.py",
    "../_base_/models/img_r18_lss_small.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg.py",
    "../_base_/schedules/adamw_cosine_1xb2.py",
    "../_base_/default_runtime.py",
]

level_channels = [32, 64]
neck_channels = [32, 32]
model = dict(
    **_base_.mapseg,
    **_base_.img_r18_lss_small,
    bev_backbone=dict(
        _base_.bev_second.bev_backbone,
        in_channels=_base_.img_r18_lss_small_channels,
        out_channels=level_channels,
        layer_nums=[1, 1],
    ),
    bev_neck=dict(
        _base_.bev_second.bev_neck, in_channels=level_channels, out_channels=neck_channels
    ),
    map_head=dict(
        _base_.map_head,
        in_channels=sum(neck_channels),
        **_base_.map_grids,
    ),
)
load_pretrained_from = dict(ignore=["bev_", "map_head."])

cameras_train = dict(**_base_.small_images_train, **_base_.no_points, **_base_.straight_streets)
cameras_test = dict(**_base_.small_images_test, **_base_.no_points)
train_dataloader = dict(
    **_base_.synthetic_loader,
    dataset=dict(**_base_.synthetic, cameras=None, pipeline=cameras_train),
)
val_dataloader = dict(
    **_base_.synthetic_loader,
    dataset=dict(**_base_.synthetic, cameras=None, pipeline=cameras_test),
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=8, val_interval=8)
default_hooks = dict(checkpoint=dict(interval=2))
