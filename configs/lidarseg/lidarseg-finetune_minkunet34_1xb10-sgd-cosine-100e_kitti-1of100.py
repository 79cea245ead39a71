"""Fine-tuning with every hundredth training scan of SemanticKITTI, 192 in all."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti.py"]

train_dataloader = dict(dataset=dict(sample_step=100))
