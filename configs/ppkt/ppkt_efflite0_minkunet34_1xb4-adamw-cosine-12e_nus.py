"""PPKT on a GPU, from an EfficientNet-Lite0 whose weights are a package."""

_base_ = ["../slidr/slidr_efflite0_minkunet34_1xb4-adamw-cosine-12e_nus.py"]

model = dict(**_base_.ppkt)
train_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
val_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
test_dataloader = val_dataloader
