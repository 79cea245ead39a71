"""PointContrast: InfoNCE of points drawn anywhere, with no regions at all."""

_base_ = ["./prc_pillar02_8xb4-cyclic-20e_nus.py"]

load_points = [dict(type="LoadPoints", num_sweeps=9), dict(type="ShufflePoints")]
sample_points = dict(_base_.sample_points, num_region_points=0, num_background_points=1024)
train_pipeline = [*load_points, *_base_.make_cloud_views, sample_points, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = val_dataloader

# alpha = 0 leaves the term that is point-wise. 1024 points of each of four clouds are
# the published 4096 of a process's batch, all of which compete.
model = dict(alpha=0.0, loss_rapc=_base_.point_info_nce)
