"""The small CenterPoint with the labels of every tenth keyframe: ten of them."""

_base_ = ["./det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py"]

# An epoch is five steps: pre-trained parts are not to be lost in a warm-up that short.
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, end=10, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=10, convert_to_iter_based=True),
]
train_dataloader = dict(dataset=dict(sample_step=10))
train_cfg = dict(max_epochs=60, val_interval=60)
default_hooks = dict(checkpoint=dict(interval=10))
