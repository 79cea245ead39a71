"""PPKT for VoxelNet on nuScenes: SLidR's VoxelNet, its schedule and PPKT's loss."""

_base_ = ["../slidr/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"]

model = dict(
    type="PixelDistillation",
    num_samples=4096,
    img_backbone=dict(backbone=dict(out_stride=32)),
    img_head=dict(scale_factor=32),
)
