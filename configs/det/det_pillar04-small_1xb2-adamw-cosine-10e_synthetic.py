"""A small CenterPoint of 0.4 m pillars on synthetic data, in minutes on two CPU cores.

All samples once an epoch: class-balanced sampling would repeat nearly each.
"""

_base_ = [
    "../_base_/datasets/nuscenes_det.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

data_root = "data/synthetic"
info_root = "data/synthetic"

model = dict(
    type="BEVDetector",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    **_base_.pts_pillar04_small,
    pts_bbox_head=dict(
        type="BEVCenterHead",
        in_channels=96,
        point_cloud_range=_base_.point_cloud_range,
        cell_size=0.8,
        share_conv_channel=32,
        num_convs=1,
    ),
)
load_pretrained_from = dict(ignore=["pts_bbox_head."])

# The sweep before the keyframe alone tells what moves.
load_points = [dict(type="LoadPoints", num_sweeps=1)]
# Few steps: a street that lies anyhow is not learned in them.
move = [dict(type="RandomRotateZ", range_deg=(-10.0, 10.0)), *_base_.move[1:]]
train_pipeline = [
    *(*load_points, *_base_.load_boxes, *move, *_base_.crop_points, *_base_.crop_boxes),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [*load_points, *_base_.test_pipeline[1:]]
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        type="CameraLidarDataset",
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_train.pkl",
        cameras=[],
        with_boxes=True,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(data_root=data_root, info_root=info_root, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(data_root=data_root, info_root=info_root)
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=4e-3), clip_grad=dict(max_norm=35, norm_type=2))
train_cfg = dict(max_epochs=10, val_interval=10)
auto_scale_lr = dict(base_batch_size=2)
default_hooks = dict(checkpoint=dict(interval=2))
