"""nuScenes with label-free regions and two copies of the points; intensity 0..255.

The network sees ten sweeps; only points of the keyframe are in regions. No labels are
read: no boxes, and no class-balanced sampling.
"""

_base_ = ["./nuscenes_bev.py"]

augment_points = dict(rotate=dict(range_deg=(-90.0, 90.0)))
load_regions = dict(type="LoadRegions", cache="regions/dbscan")
make_cloud_views = dict(
    type="MakeCloudViews",
    num_views=2,
    transforms=[
        dict(_base_.augment_points.rotate, **augment_points["rotate"]),
        _base_.augment_points.scale,
        _base_.augment_points.translate,
        _base_.augment_points.flip,
    ],
)
sample_points = dict(
    type="SampleRegionPoints",
    point_cloud_range=_base_.point_cloud_range,
    num_region_points=1024,
    num_background_points=1024,
    region_balanced=False,
    ego_half_width=1.5,
)

# Validation needs the copies as well: the loss compares them.
val_pipeline = dict(
    load_points=_base_.load_points,
    load_regions=load_regions,
    shuffle=_base_.shuffle,
    make_cloud_views=make_cloud_views,
    sample_points=sample_points,
    pack=_base_.pack,
)

train_pipeline = dict(val_pipeline, load_points=_base_.load_points_train)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
