"""Training of a MinkUNet-34 from random weights, as SLidR's authors name the rate."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"]

load_pretrained_from = None
# One rate for all: the backbone is as new as the head.
optim_wrapper = dict(optimizer=dict(lr=0.05), paramwise_cfg=None)
