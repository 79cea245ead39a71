"""SemanticKITTI's labeled sweeps, 19 classes, augmented as in SLidR; intensity 0..1."""

_base_ = ["./keyframes.py"]

data_root = "data/semantickitti"
info_root = "data/semantickitti"

load_pipeline = [
    dict(type="LoadPoints"),
    dict(type="LoadPointLabels", dtype="uint32"),
]
train_pipeline = [
    *load_pipeline,
    dict(type="RandomRotateZ"),
    dict(type="RandomFlipAxis"),
    dict(type="PackInputs"),
]
test_pipeline = [*load_pipeline, dict(type="PackInputs")]

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
