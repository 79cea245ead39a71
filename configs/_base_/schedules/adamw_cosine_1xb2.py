"""The short schedule for two samples per step, with clipped gradients."""

_base_ = ["./adamw_cosine.py"]

optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))
auto_scale_lr = dict(base_batch_size=2)
