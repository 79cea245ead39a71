"""Linear probe of the small MinkUNet on synthetic data: `make demo` runs it.

Pass the pre-trained checkpoint by --pretrained; without it, the features are those of
the random initialization, the baseline.
"""

_base_ = [
    "../_base_/datasets/nuscenes_seg.py",
    "../_base_/synthetic.py",
    "../_base_/models/lidarseg.py",
    "../_base_/models/pts_minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.lidarseg,
    **_base_.pts_minkunet_small_nus,
    freeze_backbone=True,
    pts_seg_head=dict(
        **_base_.minkunet_small_projection, out_channels=16, normalize=False, standardize=True
    ),
    **_base_.voxel_losses,
)
load_pretrained_from = dict(prefix="pts_backbone.")

# Every second keyframe: neighbors are half a second apart.
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(**_base_.synthetic, sample_step=2)
)
val_dataloader = dict(num_workers=1, dataset=_base_.synthetic)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=1e-4))
train_cfg = dict(max_epochs=10, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=10))
