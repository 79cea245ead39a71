"""ScaLR's loss on points and pixels: no negatives, all pairs, a fixed teacher."""

_base_ = [
    "../slidr/slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py",
    "../_base_/models/slidr_recipes.py",
]

# More pairs than a batch has: all of them.
model = dict(type="PixelDistillation", num_samples=1_000_000, **_base_.norm)

train_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
val_dataloader = dict(dataset=dict(pipeline=_base_.pairs_without_superpixels))
test_dataloader = val_dataloader
