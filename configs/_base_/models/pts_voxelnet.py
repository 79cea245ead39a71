"""SLidR's VoxelNet, sampled as a bird's-eye-view map.

Unlike the published code the grid has 41 cells along z, so that points above 0.6 m
reach the map, and the value of a cell is at its center.
"""

_base_ = []

from perception_kd.engine.config.bev_parts import bev_range, voxel_shape

voxelnet_voxel = 0.1
voxelnet_size = (voxelnet_voxel, voxelnet_voxel, 0.2)
voxelnet_range = tuple(bev_range())

pts_voxelnet = dict(
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=voxelnet_size,
        coordinates="cartesian",
        point_cloud_range=voxelnet_range,
        reduce="mean",
        feature_columns=(0, 1, 2, 3),
        max_points=10,
    ),
    # mmdet3d's defaults are the published layers (OpenPCDet's VoxelBackBone8x).
    pts_middle_encoder=dict(
        type="SparseEncoder", in_channels=4, sparse_shape=voxel_shape(voxelnet_size)
    ),
    pts_head=dict(
        type="BEVProjection",
        in_channels=256,
        out_channels=64,
        point_cloud_range=voxelnet_range,
        cell_size=8 * voxelnet_voxel,
    ),
)
