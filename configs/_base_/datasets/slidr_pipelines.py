"""Loading and augmentation of images and LiDAR sweeps as in SLidR."""

image_size = (224, 416)

load = dict(
    load_points=dict(type="LoadPoints"),
    crop_points=dict(),
    load_images=dict(type="LoadImages"),
    load_superpixels=dict(
        type="LoadSuperpixels", cache="superpixels/fast_150", settings=dict(num_segments=150)
    ),
    pair=dict(type="PairPointsWithPixels"),
)
pack = dict(type="PackInputs")
train_pipeline = dict(
    **load,
    rotate=dict(type="RandomRotateZ"),
    flip=dict(type="RandomFlipAxis"),
    drop_cuboids=dict(type="DropCuboids"),
    crop_images=dict(type="RandomResizedCrop", size=image_size),
    flip_images=dict(type="RandomFlipImages"),
    make_patches=dict(),
    draw_seed=dict(),
    pack=pack,
)
val_pipeline = dict(
    **load,
    resize_images=dict(type="ResizeImages", size=image_size),
    make_patches=dict(),
    draw_seed=dict(),
    pack=pack,
)

# PPKT: a seed, with which pairs are drawn from the batch, replaces superpixels.
pairs_without_superpixels = dict(load_superpixels=None, draw_seed=dict(type="DrawSeed"))
