"""SLidR without negatives: the cosine distance to a fixed teacher."""

_base_ = [
    "./slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py",
    "../_base_/models/slidr_recipes.py",
]

model = dict(**_base_.cosine)
