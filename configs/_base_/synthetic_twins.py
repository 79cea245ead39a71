"""Sizes of the twins that train in seconds on a CPU, on ``data/synthetic``.

A twin is a published setting with these in place: a small teacher of random weights, a
small student, one camera.
"""

small_teacher = dict(
    img_backbone=dict(backbone=dict(depth=18, out_stride=32, checkpoint=None)),
)
small_minkunet = dict(
    pts_backbone=dict(
        base_channels=8,
        encoder_channels=(8, 16, 16, 32),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(32, 16, 16, 16),
        decoder_blocks=(1, 1, 1, 1),
    ),
    pts_head=dict(in_channels=16),
)
small_voxelnet = dict(
    pts_middle_encoder=dict(
        base_channels=8,
        output_channels=16,
        encoder_channels=((8,), (8, 8, 8), (16, 16, 16), (16, 16, 16)),
    ),
    pts_head=dict(in_channels=32),
)
small_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root="data/synthetic", info_root="data/synthetic", cameras=["CAM_FRONT"]),
)
