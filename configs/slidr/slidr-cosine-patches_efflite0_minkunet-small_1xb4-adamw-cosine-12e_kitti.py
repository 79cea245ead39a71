"""Cells of the teacher as superpixels, without negatives, as in Concerto."""

_base_ = ["./slidr-cosine_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py"]

model = dict(loss_contrast=dict(center=True, loss_weight=10.0))
patches = dict(load_superpixels=None, make_patches=dict(type="MakePatches", size=16))
train_dataloader = dict(dataset=dict(pipeline=patches))
val_dataloader = dict(dataset=dict(pipeline=patches))
test_dataloader = val_dataloader
