"""The small CenterPoint from LiDAR and cameras on synthetic data.

SECOND and FPN process the LiDAR's map; the fused map enters the head directly.
"""

_base_ = [
    "./det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
    "../_base_/models/img_r18_lss_small.py",
]

model = dict(
    **_base_.img_r18_lss_small,
    fuser=dict(
        type="ConvFuser",
        in_channels=[_base_.img_r18_lss_small_channels, _base_.pts_pillar04_small_channels],
        out_channels=_base_.pts_pillar04_small_channels,
    ),
)
load_pretrained_from = dict(ignore=["fuser.", "pts_bbox_head."])

train_dataloader = dict(dataset=dict(cameras=None, pipeline=_base_.small_images_train))
val_dataloader = dict(dataset=dict(cameras=None, pipeline=_base_.small_images_test))
test_dataloader = val_dataloader
val_evaluator = dict(submission_meta=dict(use_camera=True))
test_evaluator = val_evaluator
