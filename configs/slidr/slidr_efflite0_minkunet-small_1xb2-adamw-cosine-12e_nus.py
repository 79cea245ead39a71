"""SLidR on two CPU cores, on a few keyframes in nuScenes' format."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr.py",
    "../_base_/models/img_efflite0.py",
    "../_base_/models/pts_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.slidr,
    **_base_.img_efflite0,
    **_base_.pts_minkunet_small_nus,
    pts_head=dict(**_base_.minkunet_small_projection, out_channels=64),
)

train_dataloader = dict(batch_size=2, num_workers=1, dataset=dict(scenes=None))
val_dataloader = dict(batch_size=2, num_workers=1)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=12)
# The learning rate is high for two samples per step, since the runs are short.
auto_scale_lr = dict(base_batch_size=2)
