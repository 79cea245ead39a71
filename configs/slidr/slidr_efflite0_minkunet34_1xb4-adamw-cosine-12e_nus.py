"""SLidR's MinkUNet on a GPU, from an EfficientNet-Lite0 whose weights are a package."""

_base_ = [
    "./slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    "../_base_/models/img_efflite0.py",
]

model = dict(
    img_backbone=dict(_base_.img_efflite0.img_backbone, _delete_=True),
    img_head=dict(_base_.img_efflite0.img_head, _delete_=True),
)

fast_superpixels = dict(load_superpixels=dict(cache="superpixels/fast_150"))
train_dataloader = dict(dataset=dict(scenes=None, pipeline=fast_superpixels))
val_dataloader = dict(dataset=dict(pipeline=fast_superpixels))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=1e-2))
train_cfg = dict(max_epochs=12)
