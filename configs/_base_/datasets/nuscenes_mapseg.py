"""nuScenes' maps: six classes, +-50 m at 0.5 m, from LiDAR; configs fill in images.

Masks equal the devkit's, on which BEVFusion's results are measured.
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
map_range = [-50.0, -50.0, -5.0, 50.0, 50.0, 3.0]
map_cell_size = 0.5
# What the head maps from and to.
map_grids = dict(
    in_range=_base_.bev_grid.point_cloud_range,
    in_cell_size=_base_.bev_grid.cell_size,
    out_range=map_range,
    out_cell_size=map_cell_size,
    classes=map_classes,
)

load_masks = dict(
    type="LoadBEVMasks",
    point_cloud_range=map_range,
    cell_size=map_cell_size,
    classes=map_classes,
    value_at="corner",
)
train_pipeline = dict(
    load_points=_base_.load_points_train,
    load_images=dict(),
    scale_images=dict(),
    flip_images=dict(),
    rotate_images=dict(),
    **_base_.augment_points,
    crop_points=_base_.crop_points,
    load_masks=load_masks,
    shuffle=_base_.shuffle,
    pack=_base_.pack,
)
test_pipeline = dict(
    load_points=_base_.load_points,
    load_images=dict(),
    resize_images=dict(),
    crop_points=_base_.crop_points,
    load_masks=load_masks,
    pack=_base_.pack,
)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="MapSegMetric", classes=map_classes)
test_evaluator = val_evaluator
