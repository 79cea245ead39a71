"""PPKT on synthetic data, in minutes on two CPU cores."""

_base_ = ["../slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py"]

model = dict(**_base_.ppkt)

train_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
val_dataloader = train_dataloader
test_dataloader = val_dataloader
