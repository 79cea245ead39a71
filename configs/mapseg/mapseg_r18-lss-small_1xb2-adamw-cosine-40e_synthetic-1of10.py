"""The small map segmentor with the maps of every tenth keyframe: ten of them."""

_base_ = [
    "./mapseg_r18-lss-small_1xb2-adamw-cosine-8e_synthetic.py",
    "../_base_/schedules/few_samples.py",
]

optim_wrapper = _base_.few_samples_optim_wrapper
param_scheduler = _base_.few_samples_scheduler
train_dataloader = dict(dataset=dict(sample_step=10))
train_cfg = dict(max_epochs=40, val_interval=40)
default_hooks = dict(checkpoint=dict(interval=10))
