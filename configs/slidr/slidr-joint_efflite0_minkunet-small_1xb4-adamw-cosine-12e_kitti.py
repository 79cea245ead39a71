"""SLidR with regions of both sensors: superpixels split by clusters of points."""

_base_ = ["./slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py"]

joint = dict(load_superpixels=dict(cache="superpixels/joint_150"))
train_dataloader = dict(dataset=dict(pipeline=joint))
val_dataloader = dict(dataset=dict(pipeline=joint))
test_dataloader = val_dataloader
