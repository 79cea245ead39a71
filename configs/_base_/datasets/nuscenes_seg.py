"""nuScenes-lidarseg, 16 classes; intensity 0..255."""

_base_ = ["./keyframes.py", "./lidarseg_pipelines.py"]

data_root = "data/nuscenes"
info_root = "data/nuscenes"

folders = dict(data_root=data_root, info_root=info_root, cameras=[])
labels = dict(load_labels=dict(_base_.load["load_labels"], dtype="uint8"))

train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        **folders,
        ann_file="nuscenes_infos_train.pkl",
        pipeline=dict(_base_.train_pipeline, **labels),
    ),
)
val_dataloader = dict(
    dataset=dict(
        **folders,
        ann_file="nuscenes_infos_val.pkl",
        pipeline=dict(_base_.test_pipeline, **labels),
    ),
)
test_dataloader = val_dataloader
