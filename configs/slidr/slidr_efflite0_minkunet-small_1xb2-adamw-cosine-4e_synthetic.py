"""SLidR in minutes on two CPU cores, on synthetic data: what `make demo` runs."""

_base_ = ["./slidr_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py"]

# The same result several times faster than with all images at once, on a CPU.
model = dict(img_backbone=dict(channels_last=True, max_views_per_forward=1))

# Half the time of the published (224, 416), on images of half the published size.
img_size = (160, 288)
train_pipeline = [
    *_base_.load_pipeline,
    dict(type="RandomRotateZ"),
    dict(type="RandomFlipAxis"),
    dict(type="RandomResizedCrop", size=img_size),
    dict(type="RandomFlipImages"),
    dict(type="PackInputs"),
]
val_pipeline = [
    *_base_.load_pipeline,
    dict(type="ResizeImages", size=img_size),
    dict(type="PackInputs"),
]
folders = dict(data_root="data/synthetic", info_root="data/synthetic")
train_dataloader = dict(dataset=dict(**folders, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**folders, pipeline=val_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=4, val_interval=4)
