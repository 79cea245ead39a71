"""PRC of a small VoxelNet of 0.2 m voxels, on synthetic data."""

_base_ = ["../prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"]

model = dict(
    pts_voxelizer=dict(voxel_size=[0.2, 0.2, 0.4], max_num_points=10),
    pts_voxel_encoder=dict(_delete_=True, type="HardSimpleVFE", num_features=5),
    pts_middle_encoder=dict(
        _delete_=True,
        type="SparseEncoder",
        in_channels=5,
        sparse_shape=[21, 512, 512],
        order=("conv", "norm", "act"),
        base_channels=8,
        output_channels=16,
        encoder_channels=((8, 16), (16, 16), (16, 16)),
        encoder_paddings=((0, 1), (0, 1), (0, 0)),
        block_type="basicblock",
    ),
    pts_backbone=None,
    pts_neck=None,
    pts_projector=dict(in_channels=32),
)
