"""nuScenes with label-free regions, two views of a cloud. Intensity is 0..255.

Ten sweeps reach the network; only points of the keyframe are in regions. No labels are
read: neither boxes nor a class-balanced choice of samples.
"""

_base_ = ["./nuscenes_bev.py"]

# Regions of other thresholds are refused. The sensor's height is not among these: it
# depends on the vehicle.
region_settings = dict(
    max_x=54.0,
    slice_length=10.0,
    min_slice_points=50,
    max_depth=0.5,
    num_lowest=50,
    seed_height=0.5,
    num_iterations=5,
    ground_height=0.2,
    eps=0.75,
    min_points=5,
    ego_half_width=1.5,
    min_height=0.25,
    max_height=4.84,
    min_side_ratio=0.1,
    min_area=0.25,
    max_area=20.0,
)
load_points = [
    dict(type="LoadPoints", num_sweeps=9),
    dict(type="LoadRegions", cache="regions/dbscan", settings=region_settings),
    dict(type="ShufflePoints"),
]
move = [
    dict(type="RandomRotateZ", range_deg=(-90.0, 90.0)),
    dict(type="RandomScale", scale_range=(0.9, 1.1)),
    dict(type="RandomTranslate", std=0.5),
    dict(type="RandomFlipAxis"),
]
make_cloud_views = [dict(type="MakeCloudViews", num_views=2, transforms=move)]
sample_points = dict(
    type="SampleRegionPoints",
    point_cloud_range=_base_.point_cloud_range,
    num_region_points=1024,
    num_background_points=1024,
    region_balanced=False,
    ego_half_width=1.5,
)

# Of LiDAR alone. Validation has views as well: without them there is no loss.
train_pipeline = [*load_points, *make_cloud_views, sample_points, *_base_.pack]
val_pipeline = train_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
