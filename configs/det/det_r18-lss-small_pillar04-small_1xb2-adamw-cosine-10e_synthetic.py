"""The small CenterPoint of LiDAR and cameras on synthetic data.

The LiDAR's map has its SECOND and FPN behind it: the fused one goes to the head as is.
"""

_base_ = [
    "./det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
    "../_base_/models/img_r18_lss_small.py",
]

model = dict(
    **_base_.img_r18_lss_small,
    fuser=dict(type="ConvFuser", in_channels=[32, 96], out_channels=96),
)
load_pretrained_from = dict(ignore=["fuser.", "pts_bbox_head."])

train_pipeline = [
    *(*_base_.load_points, *_base_.load_images, *_base_.load_boxes),
    *(*_base_.small_augment_images, *_base_.move, *_base_.crop_points, *_base_.crop_boxes),
    *(*_base_.shuffle, *_base_.pack),
]
test_pipeline = [
    *(*_base_.load_points, *_base_.load_images),
    *(*_base_.small_fit_images, *_base_.crop_points, *_base_.pack),
]
train_dataloader = dict(dataset=dict(cameras=None, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(submission_meta=dict(use_camera=True))
test_evaluator = val_evaluator
