"""Linear probe of the small MinkUNet on SemanticKITTI: 19 classes, frozen features.

Pass the pre-trained checkpoint by --pretrained; without it, the features are those of
the random initialization, the baseline.
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
    freeze_backbone=True,
    pts_seg_head=dict(
        **_base_.minkunet_small_projection, out_channels=19, normalize=False, standardize=True
    ),
)
load_pretrained_from = dict(prefix="pts_backbone.")

# Rotations do not help a linear layer with the few views of a second of driving.
train_dataloader = dict(dataset=dict(pipeline=dict(rotate=None, flip=None)))

optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=1e-4))
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
