"""The same with the labels of every tenth keyframe: ten of them."""

_base_ = ["./camera-lss-r18-small_1xb2-adamw-cosine-8e_synthetic.py"]

train_dataloader = dict(dataset=dict(sample_step=10))
train_cfg = dict(max_epochs=30, val_interval=30)
default_hooks = dict(checkpoint=dict(interval=30))
