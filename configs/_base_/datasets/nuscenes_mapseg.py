"""nuScenes' maps: six classes, +-50 m at 0.5 m.

Masks are drawn as the devkit draws them, which BEVFusion's results are measured on.
"""

_base_ = ["./nuscenes_bev.py"]

map_classes = [
    "drivable_area",
    "ped_crossing",
    "walkway",
    "stop_line",
    "carpark_area",
    "divider",
]

load_masks = [
    dict(
        type="LoadBEVMasks",
        point_cloud_range=[-50.0, -50.0, -5.0, 50.0, 50.0, 3.0],
        cell_size=0.5,
        classes=map_classes,
        value_at="corner",
    )
]

# Of LiDAR; leaves with cameras replace them.
train_pipeline = [
    *(*_base_.load_points, *_base_.move, *_base_.crop_points, *load_masks),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [*_base_.load_points, *_base_.crop_points, *load_masks, *_base_.pack]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="MapSegMetric", classes=map_classes)
test_evaluator = val_evaluator
