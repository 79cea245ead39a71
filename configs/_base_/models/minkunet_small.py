"""The small MinkUNet over Cartesian voxels, as pre-training and probes share it."""

model = dict(
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.15, 0.15, 0.15),
        coordinates="cartesian",
        reduce="mean",
        # Intensity, height in units of 2 m, place in the voxel.
        feature_columns=(3, 2, "offset"),
        feature_scale=(1.0, 0.5, 1.0, 1.0, 1.0),
    ),
    pts_backbone=dict(
        type="MinkUNet",
        in_channels=5,
        base_channels=16,
        encoder_channels=(16, 32, 64, 128),
        encoder_blocks=(1, 1, 1, 1),
        decoder_channels=(96, 64, 48, 48),
        decoder_blocks=(1, 1, 1, 1),
    ),
)
