"""PPKT on nuScenes with SLidR's VoxelNet and schedule."""

_base_ = ["../slidr/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"]

model = dict(_base_.ppkt, **_base_.img_r50_mocov2_stride32)

train_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
val_dataloader = train_dataloader
test_dataloader = val_dataloader
