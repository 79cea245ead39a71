"""A small CenterPoint with 0.4 m pillars on synthetic data, in minutes on two cores.

Each sample once per epoch: class-balanced sampling would repeat nearly all of them.
"""

_base_ = [
    "../_base_/datasets/nuscenes_det.py",
    "../_base_/synthetic.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/models/det.py",
    "../_base_/schedules/adamw_cosine_1xb2.py",
    "../_base_/default_runtime.py",
]

data_root = _base_.synthetic.data_root
info_root = _base_.synthetic.info_root

model = dict(
    **_base_.det,
    **_base_.pts_pillar04_small,
    pts_bbox_head=dict(
        _base_.center_head,
        in_channels=_base_.pts_pillar04_small_channels,
        **_base_.bev_grid,
        share_conv_channel=32,
        num_convs=1,
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])

# The sweep before the keyframe is enough to recognize motion.
steps = dict(**_base_.one_sweep, **_base_.straight_streets)
train_dataloader = dict(**_base_.synthetic_loader, dataset=dict(**_base_.synthetic, pipeline=steps))
val_dataloader = dict(
    **_base_.synthetic_loader, dataset=dict(**_base_.synthetic, pipeline=_base_.one_sweep)
)
test_dataloader = val_dataloader
val_evaluator = _base_.synthetic
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=4e-3))
train_cfg = dict(max_epochs=10, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=2))
