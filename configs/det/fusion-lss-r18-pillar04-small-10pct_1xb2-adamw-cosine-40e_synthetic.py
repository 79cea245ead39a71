"""The same with the labels of every tenth keyframe: ten of them."""

_base_ = ["./fusion-lss-r18-pillar04-small_1xb2-adamw-cosine-10e_synthetic.py"]

train_dataloader = dict(dataset=dict(sample_step=10))
train_cfg = dict(max_epochs=40, val_interval=40)
default_hooks = dict(checkpoint=dict(interval=40))
