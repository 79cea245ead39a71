"""nuScenes-lidarseg, 16 classes, augmented as SLidR does; intensity 0..255."""

_base_ = ["./keyframes.py"]

data_root = "data/nuscenes"
info_root = "data/nuscenes"

load = dict(
    load_points=dict(type="LoadPoints"),
    load_labels=dict(type="LoadPointLabels", dtype="uint8"),
)
pack = dict(type="PackInputs")
train_pipeline = dict(
    **load,
    rotate=dict(type="RandomRotateZ"),
    flip=dict(type="RandomFlipAxis"),
    pack=pack,
)
test_pipeline = dict(**load, pack=pack)

train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_train.pkl",
        cameras=[],
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_val.pkl",
        cameras=[],
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="LidarSegMetric")
test_evaluator = val_evaluator
