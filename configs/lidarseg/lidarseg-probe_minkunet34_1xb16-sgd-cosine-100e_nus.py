"""Linear probe on nuScenes as published for SLidR: all labels, frozen MinkUNet-34."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"]

model = dict(freeze_backbone=True)
optim_wrapper = dict(optimizer=dict(lr=0.05), paramwise_cfg=None)
