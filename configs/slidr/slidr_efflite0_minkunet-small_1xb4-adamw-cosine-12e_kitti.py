"""SLidR in minutes on two CPU cores, on some seconds of SemanticKITTI."""

_base_ = [
    "../_base_/datasets/semantickitti_pretrain.py",
    "../_base_/models/slidr.py",
    "../_base_/models/img_efflite0.py",
    "../_base_/models/pts_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.slidr,
    **_base_.img_efflite0,
    **_base_.pts_minkunet_small,
    pts_head=dict(**_base_.minkunet_small_projection, out_channels=64),
)

# Whole images: crops would discard half of the few pairs of a short run.
resize = dict(type="ResizeImages", size=(224, 736))
steps_train = dict(drop_cuboids=None, crop_images=dict(_delete_=True, **resize))
steps_val = dict(resize_images=resize)
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=steps_train))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=steps_val))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=12)
