"""nuScenes keyframes with six cameras, augmented as SLidR does. Intensity is 0..255."""

data_root = "data/nuscenes"
info_root = "data/nuscenes"

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
    dict(type="PackPretrainInputs"),
]
val_pipeline = [
    *load_pipeline,
    dict(type="ResizeImages", size=(224, 416)),
    dict(type="PackPretrainInputs"),
]

# SLidR leaves 100 of the 700 training scenes out, for choosing hyperparameters on; with
# ann_file="nuscenes_infos_train.pkl" and scenes="parametrize_val" they are validated
# on.
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
        scenes="parametrize_train",
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
        pipeline=val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
