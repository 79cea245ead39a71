"""Training from random weights with every hundredth training scan of SemanticKITTI."""

_base_ = ["./lidarseg-scratch_minkunet34_1xb10-sgd-cosine-100e_kitti.py"]

train_dataloader = dict(dataset=dict(sample_step=100))
