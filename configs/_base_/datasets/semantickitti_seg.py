"""SemanticKITTI's labeled sweeps, 19 classes, augmented as in SLidR; intensity 0..1."""

_base_ = ["./keyframes.py"]

data_root = "data/semantickitti"
info_root = "data/semantickitti"

load = dict(
    load_points=dict(type="LoadPoints"),
    load_labels=dict(type="LoadPointLabels", dtype="uint32"),
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
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="semantickitti_infos_train.pkl",
        cameras=[],
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="semantickitti_infos_val.pkl",
        cameras=[],
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="LidarSegMetric")
test_evaluator = val_evaluator
