"""A small twin on synthetic data."""

_base_ = [
    "../slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py",
    "../../_base_/synthetic_twins.py",
]

model = dict(**_base_.small_teacher, **_base_.small_voxelnet)
train_dataloader = _base_.small_dataloader
val_dataloader = _base_.small_dataloader
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
