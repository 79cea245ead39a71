"""Linear probe of the small MinkUNet on synthetic data: what `make demo` runs.

Give the pre-training's checkpoint with --pretrained; without it the features are those
of the random initialization, the baseline.
"""

_base_ = [
    "../_base_/datasets/nuscenes_seg.py",
    "../_base_/models/minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="PointSegmentor",
    freeze_backbone=True,
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    # Intensity is 0..255 here.
    pts_voxelizer=dict(feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0)),
    pts_seg_head=dict(
        type="VoxelProjection",
        in_channels=48,
        out_channels=16,
        normalize=False,
        standardize=True,
    ),
    losses=dict(
        loss_ce=dict(type="mmdet.CrossEntropyLoss"),
        loss_lovasz=dict(type="LovaszLoss", reduction="none"),
    ),
    loss_on="voxels",
)
load_pretrained_from = dict(prefix="pts_backbone.")

folders = dict(data_root="data/synthetic", info_root="data/synthetic")
# Every second keyframe: neighbors are half a second apart.
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(**folders, sample_step=2))
val_dataloader = dict(num_workers=1, dataset=folders)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=1e-4))
train_cfg = dict(max_epochs=10, val_interval=10)
default_hooks = dict(checkpoint=dict(interval=10))
