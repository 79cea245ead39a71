"""nuScenes keyframes with six cameras, augmented as SLidR does. Intensity is 0..255."""

_base_ = ["./keyframes.py", "./slidr_pipelines.py"]

data_root = "data/nuscenes"
info_root = "data/nuscenes"

# SLidR leaves 100 of the 700 training scenes out, for choosing hyperparameters on; with
# ann_file="nuscenes_infos_train.pkl" and scenes="parametrize_val" they are validated
# on.
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
