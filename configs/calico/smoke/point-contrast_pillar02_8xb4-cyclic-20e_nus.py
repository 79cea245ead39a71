"""PointContrast of small PointPillars, on synthetic data."""

_base_ = ["../prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"]

load_points = [*_base_.one_sweep, dict(type="ShufflePoints")]
train_pipeline = [*load_points, *_base_.make_views, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = val_dataloader

model = dict(sampler=dict(num_rich=0, num_less=1024), alpha=0.0, loss_rapc=_base_.point_info_nce)
