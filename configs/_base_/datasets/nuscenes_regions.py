"""nuScenes with label-free regions, two views of a cloud. Intensity is 0..255.

Ten sweeps reach the network; only points of the keyframe are in regions. No labels are
read: neither boxes nor a class-balanced choice of samples.
"""

data_root = "data/nuscenes"
info_root = "data/nuscenes"

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
load_images = [dict(type="LoadImages")]
augment_images = [
    dict(type="RandomScaleAndCropImages", size=(256, 704), scale=(0.38, 0.55)),
    dict(type="RandomFlipImages"),
    dict(type="RandomRotateImages", range_deg=(-5.4, 5.4)),
]
fit_images = [dict(type="ScaleAndCropImages", size=(256, 704), scale=0.48)]
make_views = [dict(type="MakeViews", num_views=2, transforms=move)]
pack = [dict(type="PackPretrainInputs")]

# Of LiDAR alone. Validation has views as well: without them there is no loss.
train_pipeline = [*load_points, *make_views, *pack]
val_pipeline = train_pipeline

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="CameraLidarDataset",
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_train.pkl",
        cameras=[],
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CameraLidarDataset",
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_val.pkl",
        cameras=[],
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
