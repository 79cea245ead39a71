"""PPKT for VoxelNet on nuScenes: SLidR's VoxelNet, its schedule and PPKT's loss."""

_base_ = ["../slidr/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"]

model = dict(
    type="PixelDistillation",
    num_samples=4096,
    img_backbone=dict(backbone=dict(out_stride=32)),
)

# A seed to draw pairs over the batch takes the place of superpixels.
pack = [dict(type="DrawSeed"), dict(type="PackInputs")]
train_pipeline = [*_base_.train_pipeline[:3], *_base_.train_pipeline[4:-1], *pack]
val_pipeline = [*_base_.val_pipeline[:3], *_base_.val_pipeline[4:-1], *pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
