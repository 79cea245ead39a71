"""Linear probe on SemanticKITTI with the settings published for nuScenes."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti.py"]

model = dict(freeze_backbone=True)
optim_wrapper = dict(paramwise_cfg=None)
