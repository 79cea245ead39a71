"""SLidR's MinkUNet on a GPU, from an EfficientNet-Lite0 whose weights are a package."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr.py",
    "../_base_/models/img_efflite0.py",
    "../_base_/models/pts_minkunet34.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.slidr,
    **_base_.img_efflite0,
    **_base_.pts_minkunet34,
    pts_head=dict(**_base_.minkunet34_projection, out_channels=64),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=12)
