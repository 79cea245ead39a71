"""SemanticKITTI with its left color camera, as SLidR augments; intensity 0..1."""

_base_ = ["./keyframes.py", "./slidr_pipelines.py"]

data_root = "data/semantickitti"
info_root = "data/semantickitti"

train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="semantickitti_infos_train.pkl",
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="semantickitti_infos_val.pkl",
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
