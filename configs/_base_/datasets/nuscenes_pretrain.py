"""nuScenes keyframes with six cameras, augmented as SLidR does. Intensity is 0..255."""

_base_ = ["./keyframes.py", "./slidr_pipelines.py"]

data_root = "data/nuscenes"
info_root = "data/nuscenes"

# SLidR holds out 100 of the 700 training scenes to choose hyperparameters. To validate
# on them, set ann_file="nuscenes_infos_train.pkl" and scenes="parametrize_val".
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_train.pkl",
        scenes="parametrize_train",
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        info_root=info_root,
        ann_file="nuscenes_infos_val.pkl",
        pipeline=_base_.val_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="MeanOverBatches", prefix="val")
test_evaluator = val_evaluator
