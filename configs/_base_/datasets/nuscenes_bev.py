"""nuScenes for networks seen from above, augmented as BEVFusion does; intensity 0..255.

What detection, map segmentation and CALICO share; each adds its own.
"""

_base_ = ["./keyframes.py"]

data_root = "data/nuscenes"
info_root = "data/nuscenes"
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]

load_points = [dict(type="LoadPoints", num_sweeps=9)]
move = [
    dict(type="RandomRotateZ", range_deg=(-45.0, 45.0)),
    dict(type="RandomScale", scale_range=(0.9, 1.1)),
    dict(type="RandomTranslate", std=0.5),
    dict(type="RandomFlipAxis"),
]
crop_points = [dict(type="CropToRange", point_cloud_range=point_cloud_range)]
shuffle = [dict(type="ShufflePoints")]
load_images = [dict(type="LoadImages")]
augment_images = [
    dict(type="RandomScaleAndCropImages", size=(256, 704), scale=(0.38, 0.55)),
    dict(type="RandomFlipImages"),
    dict(type="RandomRotateImages", range_deg=(-5.4, 5.4)),
]
fit_images = [dict(type="ScaleAndCropImages", size=(256, 704), scale=0.48)]
pack = [dict(type="PackInputs")]

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_train.pkl",
        cameras=[],
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_val.pkl",
        cameras=[],
    ),
)
test_dataloader = val_dataloader
