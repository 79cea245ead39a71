"""Loaders of keyframes: shuffled to train on, in order to be scored on.

Folders, info files, pipelines and the evaluator are each data set's own.
"""

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="CameraLidarDataset"),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="CameraLidarDataset", test_mode=True),
)
test_dataloader = val_dataloader
val_cfg = dict()
test_cfg = dict()
