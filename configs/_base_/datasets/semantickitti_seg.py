"""SemanticKITTI's labeled sweeps, 19 classes; intensity 0..1."""

_base_ = ["./keyframes.py", "./lidarseg_pipelines.py"]

data_root = "data/semantickitti"
info_root = "data/semantickitti"

folders = dict(data_root=data_root, info_root=info_root, cameras=[])
labels = dict(load_labels=dict(_base_.load["load_labels"], dtype="uint32"))

train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        **folders,
        ann_file="semantickitti_infos_train.pkl",
        pipeline=dict(_base_.train_pipeline, **labels),
    ),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        **folders,
        ann_file="semantickitti_infos_val.pkl",
        pipeline=dict(_base_.test_pipeline, **labels),
    ),
)
test_dataloader = val_dataloader
