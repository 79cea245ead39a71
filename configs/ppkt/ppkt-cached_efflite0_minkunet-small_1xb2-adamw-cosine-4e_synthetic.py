"""PPKT on synthetic data, with the teacher's whole maps from a cache."""

_base_ = [
    "./ppkt_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
    "../_base_/datasets/stored_crops.py",
]

cache = dict(cache="teacher/efflite0_maps", stores="map")
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
