"""nuScenes' ten classes of boxes, with training samples balanced by class."""

_base_ = ["./nuscenes_det.py"]

train_dataloader = dict(
    dataset=dict(_delete_=True, type="CBGSDataset", dataset=_base_.train_dataloader.dataset),
)
