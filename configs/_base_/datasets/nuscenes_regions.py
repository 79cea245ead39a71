"""nuScenes with label-free regions, two views of a cloud. Intensity is 0..255.

Ten sweeps reach the network; only points of the keyframe are in regions. No labels are
read: neither boxes nor a class-balanced choice of samples.
"""

_base_ = ["./nuscenes_bev.py"]

load_points = [
    dict(type="LoadPoints", num_sweeps=9),
    dict(type="LoadRegions", cache="regions/dbscan"),
    dict(type="ShufflePoints"),
]
move = [
    dict(type="RandomRotateZ", range_deg=(-90.0, 90.0)),
    dict(type="RandomScale", scale_range=(0.9, 1.1)),
    dict(type="RandomTranslate", std=0.5),
    dict(type="RandomFlipAxis"),
]
make_views = [dict(type="MakeViews", num_views=2, transforms=move)]

# Of LiDAR alone. Validation has views as well: without them there is no loss.
train_pipeline = [*load_points, *make_views, *_base_.pack]
val_pipeline = train_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
