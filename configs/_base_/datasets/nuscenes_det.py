"""nuScenes' ten classes of boxes, from LiDAR; configs with cameras fill in images.

Ground truth is not pasted into other samples: a database of objects would be built from
all labels, even where a config trains with a share of them.
"""

_base_ = ["./nuscenes_bev.py"]

crop_boxes = dict(type="CropBoxesToRange", point_cloud_range=_base_.point_cloud_range)
train_pipeline = dict(
    load_points=_base_.load_points_train,
    load_images=dict(),
    load_boxes=dict(type="LoadBoxes"),
    scale_images=dict(),
    flip_images=dict(),
    rotate_images=dict(),
    **_base_.augment_points,
    crop_points=_base_.crop_points,
    crop_boxes=crop_boxes,
    shuffle=_base_.shuffle,
    pack=_base_.pack,
)
test_pipeline = dict(
    load_points=_base_.load_points,
    load_images=dict(),
    resize_images=dict(),
    crop_points=_base_.crop_points,
    pack=_base_.pack,
)

train_dataloader = dict(dataset=dict(with_boxes=True, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    type="NuScenesDetMetric",
    data_root=_base_.data_root,
    info_root=_base_.info_root,
    ann_file="nuscenes_infos_val.pkl",
)
test_evaluator = val_evaluator
