"""Loaders of keyframes: shuffled for training, in order for evaluation.

Each data set adds its folders, info files, pipelines and evaluator.
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
    # Each sample once, and the same batches, for any number of processes.
    batch_sampler=dict(type="DistributedBatchSampler"),
    dataset=dict(type="CameraLidarDataset", test_mode=True),
)
test_dataloader = val_dataloader
val_cfg = dict()
test_cfg = dict()
