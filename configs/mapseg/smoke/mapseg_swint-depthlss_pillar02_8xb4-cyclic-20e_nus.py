"""Maps from six cameras and LiDAR by small networks: a smoke test."""

_base_ = [
    "../mapseg_swint-depthlss_pillar02_8xb4-cyclic-20e_nus.py",
    "../../_base_/smoke.py",
]

work_dir = "work_dirs/smoke/{{fileBasenameNoExtension}}"
model = dict(
    **_base_.smoke_cameras_and_lidar,
    map_head=dict(in_channels=_base_.smoke_bev_channels),
)
train_dataloader = _base_.smoke_both_train
val_dataloader = _base_.smoke_both_test
test_dataloader = val_dataloader
train_cfg = _base_.smoke_epochs
