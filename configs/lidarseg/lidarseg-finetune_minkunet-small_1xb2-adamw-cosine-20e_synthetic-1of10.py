"""Fine-tuning of the small MinkUNet on every tenth keyframe: `make demo` runs it.

Unlike in SLidR, a share of the keyframes and not of the scenes: there are only eight.
"""

_base_ = ["./lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"]

model = dict(freeze_backbone=False)
train_dataloader = dict(batch_size=2, dataset=dict(sample_step=10))
optim_wrapper = dict(optimizer=dict(lr=4e-3, weight_decay=1e-2))
auto_scale_lr = dict(base_batch_size=2)
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
