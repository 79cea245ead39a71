"""A small MinkUNet over Cartesian voxels, shared by pre-training and probes."""

voxelizer = dict(
    type="PointVoxelizer",
    voxel_size=(0.15, 0.15, 0.15),
    coordinates="cartesian",
    reduce="mean",
    # Intensity, height in units of 2 m, offset in the voxel.
    feature_columns=(3, 2, "offset"),
    feature_scale=(1.0, 0.5, 1.0, 1.0, 1.0),
)
minkunet_small = dict(
    type="MinkUNet",
    in_channels=5,
    base_channels=16,
    encoder_channels=(16, 32, 64, 128),
    encoder_blocks=(1, 1, 1, 1),
    decoder_channels=(96, 64, 48, 48),
    decoder_blocks=(1, 1, 1, 1),
)

pts_minkunet_small = dict(pts_voxelizer=voxelizer, pts_backbone=minkunet_small)
# nuScenes' intensity is 0..255, not 0..1.
pts_minkunet_small_nus = dict(
    pts_voxelizer=dict(voxelizer, feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0)),
    pts_backbone=minkunet_small,
)
minkunet_small_projection = dict(type="VoxelProjection", in_channels=48)
