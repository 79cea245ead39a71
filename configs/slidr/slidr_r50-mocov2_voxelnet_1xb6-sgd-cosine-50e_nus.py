"""SLidR as published for VoxelNet on nuScenes: larger superpixels, all 700 scenes."""

_base_ = [
    "../_base_/datasets/nuscenes_pretrain.py",
    "../_base_/models/slidr.py",
    "../_base_/models/img_r50_mocov2.py",
    "../_base_/models/pts_voxelnet.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]

model = dict(**_base_.slidr, **_base_.img_r50_mocov2, **_base_.pts_voxelnet)

steps = dict(
    # A disc rather than a square, so that no rotation moves a point out of the grid.
    crop_points=dict(
        type="CropToDisc",
        radius=_base_.voxelnet_range[3],
        z_range=_base_.voxelnet_range[2::3],
    ),
    load_superpixels=dict(cache="superpixels/skimage_30", settings=dict(num_segments=30)),
)
train_dataloader = dict(batch_size=6, dataset=dict(scenes=None, pipeline=steps))
val_dataloader = dict(batch_size=6, dataset=dict(pipeline=steps))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=0.01))
auto_scale_lr = dict(base_batch_size=6)
