"""A small twin: random teacher, one camera, seconds on a CPU."""

_base_ = ["./slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_kitti.py"]

model = dict(
    img_backbone=dict(backbone=dict(depth=18, out_stride=32, checkpoint=None)),
    img_head=dict(in_channels=512, scale_factor=32),
    pts_backbone=dict(
        base_channels=8,
        encoder_channels=(8, 16, 16, 32),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(32, 16, 16, 16),
        decoder_blocks=(1, 1, 1, 1),
    ),
    pts_head=dict(in_channels=16),
)
train_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False)
val_dataloader = dict(batch_size=2, num_workers=0, persistent_workers=False)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2)
