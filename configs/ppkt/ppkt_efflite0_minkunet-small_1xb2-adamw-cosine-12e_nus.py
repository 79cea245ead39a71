"""PPKT on two CPU cores, on a few keyframes in nuScenes' format."""

_base_ = ["../slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py"]

model = dict(**_base_.ppkt)

train_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
val_dataloader = train_dataloader
test_dataloader = val_dataloader
