"""CALICO's first stage on VoxelNet, on the map of its sparse encoder."""

_base_ = [
    "../_base_/datasets/nuscenes_regions.py",
    "../_base_/models/pts_voxel01.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cyclic_20e.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.prc,
    grid=_base_.bev_grid,
    pts_voxelizer=_base_.pts_voxel01.pts_voxelizer,
    pts_voxel_encoder=_base_.pts_voxel01.pts_voxel_encoder,
    pts_middle_encoder=_base_.pts_voxel01.pts_middle_encoder,
    pts_projector=dict(**_base_.projector, in_channels=_base_.encoder_map_channels),
)
