"""PointContrast of small PointPillars, on synthetic data."""

_base_ = ["../prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"]

load_points = [*_base_.one_sweep, dict(type="ShufflePoints")]
sample_points = dict(_base_.sample_points, num_region_points=0, num_background_points=1024)
train_pipeline = [*load_points, *_base_.make_cloud_views, sample_points, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = val_dataloader

model = dict(alpha=0.0, loss_rapc=_base_.point_info_nce)
