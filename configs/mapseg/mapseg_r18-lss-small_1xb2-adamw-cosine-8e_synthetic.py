"""Maps from six cameras by a small ResNet on synthetic data: what the demo runs."""

_base_ = [
    "../_base_/datasets/nuscenes_mapseg.py",
    "../_base_/models/img_r18_lss_small.py",
    "../_base_/models/bev_second.py",
    "../_base_/models/mapseg_head.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.img_r18_lss_small,
    bev_backbone=dict(
        _base_.bev_second.bev_backbone, in_channels=32, out_channels=[32, 64], layer_nums=[1, 1]
    ),
    bev_neck=dict(_base_.bev_second.bev_neck, in_channels=[32, 64], out_channels=[32, 32]),
    map_head=dict(in_channels=64),
)
load_pretrained_from = dict(ignore=["bev_", "map_head."])

# Few steps: a street that lies anyhow is not learned in them.
move = [dict(type="RandomRotateZ", range_deg=(-10.0, 10.0)), *_base_.move[1:]]
train_pipeline = [
    *(*_base_.load_images, *_base_.small_augment_images, *move),
    *(*_base_.load_masks, *_base_.pack),
]
test_pipeline = [*_base_.load_images, *_base_.small_fit_images, *_base_.load_masks, *_base_.pack]
six_cameras = dict(data_root="data/synthetic", info_root="data/synthetic", cameras=None)
train_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(**six_cameras, pipeline=train_pipeline)
)
val_dataloader = dict(
    batch_size=2, num_workers=1, dataset=dict(**six_cameras, pipeline=test_pipeline)
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=4e-3), clip_grad=dict(max_norm=35, norm_type=2))
train_cfg = dict(max_epochs=8, val_interval=8)
auto_scale_lr = dict(base_batch_size=2)
default_hooks = dict(checkpoint=dict(interval=2))
