"""Fine-tuning of the small MinkUNet on SemanticKITTI: 19 classes, all labels.

Pass the pre-trained checkpoint by --pretrained; without it, the network is trained from
scratch with the same settings.
"""

_base_ = [
    "../_base_/datasets/semantickitti_seg.py",
    "../_base_/models/lidarseg.py",
    "../_base_/models/pts_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.lidarseg,
    **_base_.pts_minkunet_small,
    pts_seg_head=dict(**_base_.minkunet_small_projection, out_channels=19, normalize=False),
)
load_pretrained_from = dict(prefix="pts_backbone.")

optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
