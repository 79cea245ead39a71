"""SLidR for MinkUNet on nuScenes, with the teacher's features from a cache."""

_base_ = [
    "./slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "../_base_/datasets/stored_crops.py",
]

cache = dict(cache="teacher/r50-mocov2")
train_dataloader = dict(
    dataset=dict(
        pipeline=dict(**_base_.stored_train, crop_images=dict(**_base_.stored_crops, **cache))
    )
)
val_dataloader = dict(
    dataset=dict(
        pipeline=dict(**_base_.stored_val, resize_images=dict(**_base_.whole_images, **cache))
    )
)
test_dataloader = val_dataloader
