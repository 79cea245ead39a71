"""PPKT on synthetic data, with the teacher's whole maps from a cache."""

_base_ = [
    "./ppkt_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
    "../_base_/datasets/stored_crops.py",
]

cached = _base_.stored["efflite0_maps"]
train_dataloader = dict(dataset=dict(pipeline=cached["train"]))
val_dataloader = dict(dataset=dict(pipeline=cached["val"]))
test_dataloader = val_dataloader
