"""SLidR for MinkUNet on SemanticKITTI, with the settings published for nuScenes."""

_base_ = [
    "../_base_/datasets/semantickitti_pretrain.py",
    "../_base_/models/slidr.py",
    "../_base_/models/img_r50_mocov2.py",
    "../_base_/models/pts_minkunet34.py",
    "../_base_/schedules/sgd_cosine_50e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.slidr,
    **_base_.img_r50_mocov2,
    **_base_.pts_minkunet34_kitti,
    pts_head=dict(**_base_.minkunet34_projection, out_channels=64),
)

# The published superpixels; creating the default ones is about 15 times faster.
published = dict(load_superpixels=dict(cache="superpixels/skimage_150"))
train_dataloader = dict(dataset=dict(pipeline=published))
val_dataloader = train_dataloader
test_dataloader = val_dataloader
