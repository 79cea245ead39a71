"""nuScenes' maps: six classes, +-50 m at 0.5 m; augmented as BEVFusion does.

Masks are drawn as the devkit draws them, which BEVFusion's results are measured on.
Intensity is 0..255.
"""

data_root = "data/nuscenes"
info_root = "data/nuscenes"
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
map_classes = [
    "drivable_area",
    "ped_crossing",
    "walkway",
    "stop_line",
    "carpark_area",
    "divider",
]

load_points = [dict(type="LoadPoints", num_sweeps=9)]
move = [
    dict(type="RandomRotateZ", range_deg=(-45.0, 45.0)),
    dict(type="RandomScale", scale_range=(0.9, 1.1)),
    dict(type="RandomTranslate", std=0.5),
    dict(type="RandomFlipAxis"),
]
crop_points = [dict(type="CropToRange", point_cloud_range=point_cloud_range)]
load_images = [dict(type="LoadImages")]
augment_images = [
    dict(type="RandomScaleAndCropImages", size=(256, 704), scale=(0.38, 0.55)),
    dict(type="RandomFlipImages"),
    dict(type="RandomRotateImages", range_deg=(-5.4, 5.4)),
]
fit_images = [dict(type="ScaleAndCropImages", size=(256, 704), scale=0.48)]
load_masks = [
    dict(
        type="LoadBEVMasks",
        point_cloud_range=[-50.0, -50.0, -5.0, 50.0, 50.0, 3.0],
        cell_size=0.5,
        classes=map_classes,
        value_at="corner",
    )
]
pack = [dict(type="PackPretrainInputs")]

# Of LiDAR; leaves with cameras replace them.
train_pipeline = [*load_points, *move, *crop_points, *load_masks, *pack]
test_pipeline = [*load_points, *crop_points, *load_masks, *pack]

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
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MapSegMetric", classes=map_classes)
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
