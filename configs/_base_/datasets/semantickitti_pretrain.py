"""SemanticKITTI with its left color camera, as SLidR augments; intensity 0..1."""

_base_ = ["./slidr_pipelines.py"]

data_root = "data/semantickitti"
info_root = "data/semantickitti"

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="CameraLidarDataset",
        data_root=data_root,
        info_root=info_root,
        ann_file="semantickitti_infos_train.pkl",
        pipeline=_base_.train_pipeline,
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
        ann_file="semantickitti_infos_val.pkl",
        pipeline=_base_.val_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
val_cfg = dict()
test_cfg = dict()
