"""SLidR with the semantically tolerant, balanced loss of ST-SLidR."""

_base_ = [
    "./slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py",
    "../_base_/models/slidr_recipes.py",
]

model = dict(**_base_.tolerant)
