"""Training of a MinkUNet-34 from random weights at the rate of SLidR's authors."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti.py"]

load_pretrained_from = None
# One rate for all parameters: backbone and head are both new.
optim_wrapper = dict(paramwise_cfg=None)
