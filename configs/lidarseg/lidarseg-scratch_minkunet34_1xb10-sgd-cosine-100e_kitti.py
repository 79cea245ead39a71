"""Training of a MinkUNet-34 from random weights, as SLidR's authors name the rate."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti.py"]

load_pretrained_from = None
# One rate for all: the backbone is as new as the head.
optim_wrapper = dict(paramwise_cfg=None)
