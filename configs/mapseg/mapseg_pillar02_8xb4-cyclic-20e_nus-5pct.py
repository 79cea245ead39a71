"""Maps from LiDAR, with the maps of 5 % of the training scenes."""

_base_ = ["./mapseg_pillar02_8xb4-cyclic-20e_nus.py"]

train_dataloader = dict(dataset=dict(scenes="nuscenes_calico_5pct"))
