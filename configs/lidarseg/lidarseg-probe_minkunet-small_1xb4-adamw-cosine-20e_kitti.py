"""Linear probe of the small MinkUNet: what its frozen features say of 19 classes.

Give the pre-training's checkpoint with --pretrained; without it the features are those
of the random initialization, the baseline.
"""

_base_ = [
    "../_base_/datasets/semantickitti_seg.py",
    "../_base_/models/minkunet_small.py",
    "../_base_/schedules/adamw_cosine.py",
    "../_base_/default_runtime.py",
]

model = dict(
    type="PointSegmentor",
    freeze_backbone=True,
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    pts_seg_head=dict(
        type="VoxelProjection",
        in_channels=48,
        out_channels=19,
        normalize=False,
        standardize=True,
    ),
)
# A second of a street has few views; turning them helps no linear layer.
train_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
load_pretrained_from = dict(prefix="pts_backbone.")

optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=1e-4))
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(checkpoint=dict(interval=20))
