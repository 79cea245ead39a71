"""Fine-tuning of the small MinkUNet on every tenth sweep of SemanticKITTI.

As many steps as with all labels, of half as many sweeps each.
"""

_base_ = ["./lidarseg-finetune_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"]

train_dataloader = dict(batch_size=2, dataset=dict(sample_step=10))
auto_scale_lr = dict(base_batch_size=2)
train_cfg = dict(max_epochs=100, val_interval=100)
default_hooks = dict(checkpoint=dict(interval=100))
