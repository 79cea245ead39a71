"""Training from random weights with the labels of 10 % of the training scenes."""

_base_ = ["./lidarseg-scratch_minkunet34_1xb16-sgd-cosine-100e_nus.py"]

train_dataloader = dict(dataset=dict(scenes="nuscenes_slidr_10pct"))
