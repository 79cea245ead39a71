"""Training of a MinkUNet-34 from random weights at the rate of SLidR's authors."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"]

load_pretrained_from = None
# One rate for all parameters: backbone and head are both new.
optim_wrapper = dict(optimizer=dict(lr=0.05), paramwise_cfg=None)
