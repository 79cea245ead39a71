"""Fine-tuning of a MinkUNet-34 on nuScenes-lidarseg as published for SLidR."""

_base_ = [
    "../_base_/datasets/nuscenes_seg.py",
    "../_base_/models/lidarseg.py",
    "../_base_/models/pts_minkunet34.py",
    "../_base_/schedules/sgd_cosine_100e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.lidarseg,
    **_base_.seg_minkunet34,
    pts_seg_head=dict(**_base_.minkunet34_projection, out_channels=16, normalize=False),
    **_base_.voxel_losses,
)
load_pretrained_from = dict(prefix="pts_backbone.")
# The learning rate of the new head is 2.0.
optim_wrapper = dict(
    optimizer=dict(lr=0.02),
    paramwise_cfg=dict(custom_keys=dict(pts_seg_head=dict(lr_mult=100.0))),
)
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(checkpoint=dict(interval=10))
