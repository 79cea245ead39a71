"""CenterPoint with 0.2 m pillars and the labels of 5 % of the training scenes."""

_base_ = ["./det_pillar02_8xb4-cyclic-20e_nus.py"]

train_dataloader = dict(dataset=dict(dataset=dict(scenes="nuscenes_calico_5pct")))
