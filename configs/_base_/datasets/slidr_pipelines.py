"""Loading and augmentation of images and LiDAR sweeps as in SLidR."""

load_pipeline = [
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="superpixels/skimage_150", settings=dict(num_segments=150)),
    dict(type="PairPointsWithPixels"),
]
train_pipeline = [
    *load_pipeline,
    dict(type="RandomRotateZ"),
    dict(type="RandomFlipAxis"),
    dict(type="DropCuboids"),
    dict(type="RandomResizedCrop", size=(224, 416)),
    dict(type="RandomFlipImages"),
    dict(type="PackInputs"),
]
val_pipeline = [
    *load_pipeline,
    dict(type="ResizeImages", size=(224, 416)),
    dict(type="PackInputs"),
]
