"""PointContrast: InfoNCE of points drawn anywhere, with no regions at all."""

_base_ = ["./prc_pillar02_8xb4-cyclic-20e_nus.py"]

steps = dict(load_regions=None, sample_points=dict(num_region_points=0))
train_dataloader = dict(dataset=dict(pipeline=steps))
val_dataloader = train_dataloader
test_dataloader = val_dataloader

# alpha = 0 leaves the point-wise term. 1024 points of each of four point clouds are the
# published 4096 of a process's batch, all of which compete.
model = dict(alpha=0.0, loss_rapc=_base_.point_info_nce)
