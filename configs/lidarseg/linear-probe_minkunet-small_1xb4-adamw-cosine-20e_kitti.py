"""Linear probe of the small MinkUNet: what its frozen features say of 19 classes.

Give the pre-training's checkpoint with --pretrained; without it the features are those
of the random initialization, the baseline.
"""

_base_ = [
    "../_base_/datasets/semantickitti_seg.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="PointSegmentor",
    freeze_backbone=True,
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.15, 0.15, 0.15),
        coordinates="cartesian",
        reduce="mean",
        feature_columns=(3, 2, "offset"),
        feature_scale=(1.0, 0.5, 1.0, 1.0, 1.0),
    ),
    pts_backbone=dict(
        type="MinkUNet",
        in_channels=5,
        base_channels=16,
        encoder_channels=(16, 32, 64, 128),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(96, 64, 48, 48),
        decoder_blocks=(1, 1, 1, 1),
    ),
    pts_seg_head=dict(
        type="VoxelProjection",
        in_channels=48,
        out_channels=19,
        normalize=False,
        standardize=True,
    ),
)
load_pretrained_from = dict(prefix="pts_backbone.")

optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=1e-4))
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
