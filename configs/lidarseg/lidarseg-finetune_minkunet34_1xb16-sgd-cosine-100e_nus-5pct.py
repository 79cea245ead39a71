"""Fine-tuning with the labels of 5 % of nuScenes' training scenes."""

_base_ = ["./lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py"]

train_dataloader = dict(dataset=dict(scenes="nuscenes_slidr_5pct"))
