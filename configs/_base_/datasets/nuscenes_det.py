"""nuScenes' ten classes of boxes.

Ground truth is not pasted into other samples: a data base of objects would be made of
all labels, whatever share of them a config is to see.
"""

_base_ = ["./nuscenes_bev.py"]

load_boxes = [dict(type="LoadBoxes")]
crop_boxes = [dict(type="CropBoxesToRange", point_cloud_range=_base_.point_cloud_range)]

# Of LiDAR; leaves with cameras replace them.
train_pipeline = [
    *(*_base_.load_points, *load_boxes, *_base_.move, *_base_.crop_points, *crop_boxes),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [*_base_.load_points, *_base_.crop_points, *_base_.pack]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="CBGSDataset",
        dataset=dict(
            _base_.train_dataloader.dataset,
            with_boxes=True,
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    type="NuScenesDetMetric",
    data_root=_base_.data_root,
    info_root=_base_.info_root,
    ann_file="nuscenes_infos_val.pkl",
)
test_evaluator = val_evaluator
