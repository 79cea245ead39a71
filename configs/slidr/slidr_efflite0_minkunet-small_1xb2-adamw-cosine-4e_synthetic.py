"""SLidR on synthetic data, in minutes on two CPU cores: `make demo` runs it."""

_base_ = [
    "./slidr_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py",
    "../_base_/synthetic.py",
]

# On a CPU, several times faster than all images at once, with the same result.
model = dict(img_backbone=dict(channels_last=True, max_views_per_forward=1))

# Half the time of the published (224, 416), on images of half the published size.
image_size = (160, 288)
steps_train = dict(drop_cuboids=None, crop_images=dict(size=image_size))
steps_val = dict(resize_images=dict(size=image_size))
train_dataloader = dict(dataset=dict(**_base_.synthetic, pipeline=steps_train))
val_dataloader = dict(dataset=dict(**_base_.synthetic, pipeline=steps_val))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=4, val_interval=4)
