"""PointContrast: InfoNCE of points drawn anywhere, without regions."""

_base_ = ["./prc_pillar02_8xb4-cyclic-20e_nus.py"]

steps = dict(load_regions=None, sample_points=dict(num_region_points=0))
train_dataloader = dict(dataset=dict(pipeline=steps))
val_dataloader = train_dataloader
test_dataloader = val_dataloader

# alpha = 0 keeps only the point-wise term. 1024 points of each of four point clouds are
# the published 4096 of the batch of a process, all contrasted with each other.
model = dict(alpha=0.0, loss_rapc=_base_.point_info_nce)
