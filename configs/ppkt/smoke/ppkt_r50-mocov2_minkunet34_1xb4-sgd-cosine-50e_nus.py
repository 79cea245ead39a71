"""A small twin on synthetic data."""

_base_ = [
    "../ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "../../_base_/synthetic_twins.py",
]

model = dict(**_base_.small_teacher, **_base_.small_minkunet)
train_dataloader = _base_.small_dataloader
val_dataloader = _base_.small_dataloader
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
