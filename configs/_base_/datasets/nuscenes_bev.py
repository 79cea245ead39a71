"""nuScenes for networks with bird's-eye-view maps; intensity 0..255.

Shared by detection, map segmentation and CALICO. The augmentation is BEVFusion's.

A pipeline is a dict of named steps in order; a config changes a step by its name, fills
one that is empty, or leaves one out by None.
"""

_base_ = ["./keyframes.py"]

from perception_kd.engine.config.bev_parts import bev_range

data_root = "data/nuscenes"
info_root = "data/nuscenes"
point_cloud_range = bev_range()
# Cells of the BEV map that heads and pre-training read.
bev_grid = dict(point_cloud_range=point_cloud_range, cell_size=0.8)
image_size = (256, 704)
# Scales are for images of nuScenes; others are first scaled to fit into these.
scale_for = (900, 1600)

load_points = dict(type="LoadPoints", num_sweeps=9)
# BEVFusion draws them from ten in training, and takes the nearest in tests.
load_points_train = dict(load_points, random_sweeps=True)
augment_points = dict(
    rotate=dict(type="RandomRotateZ", range_deg=(-45.0, 45.0)),
    scale=dict(type="RandomScale", scale_range=(0.9, 1.1)),
    translate=dict(type="RandomTranslate", std=0.5),
    flip=dict(type="RandomFlipAxis"),
)
crop_points = dict(type="CropToRange", point_cloud_range=point_cloud_range)
shuffle = dict(type="ShufflePoints")
load_images = dict(type="LoadImages")
augment_images = dict(
    scale_images=dict(
        type="RandomScaleAndCropImages",
        size=image_size,
        scale=(0.38, 0.55),
        scale_for=scale_for,
        bicubic=True,
    ),
    flip_images=dict(type="RandomFlipImages"),
    rotate_images=dict(type="RandomRotateImages", range_deg=(-5.4, 5.4)),
)
resize_images = dict(
    type="ScaleAndCropImages", size=image_size, scale=0.48, scale_for=scale_for, bicubic=True
)
pack = dict(type="PackInputs")

# Steps of cameras and LiDAR that are filled in or left out in the pipelines below.
no_images = dict(load_images=dict(), scale_images=dict(), flip_images=dict(), rotate_images=dict())
images_train = dict(load_images=load_images, **augment_images)
images_test = dict(load_images=load_images, resize_images=resize_images)
no_points = dict(load_points=None, crop_points=None, shuffle=None)

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
