"""Settings that several fragments of configs with bird's-eye-view maps have in common.

Fragments of ``configs/_base_`` import these functions. mmengine leaves functions out of
a config: only what they return is in it.
"""

from collections.abc import Sequence
from typing import Any

_REACH = 51.2  # m


def bev_range(bottom: float = -5.0, top: float = 3.0) -> list[float]:
    """Return the range of BEV maps: lower x, y, z and upper x, y, z in m.

    Args:
        bottom: Lowest height in LiDAR coordinates in m.
        top: Largest height in m.
    """
    return [-_REACH, -_REACH, bottom, _REACH, _REACH, top]


def cells_across(size: float) -> int:
    """Return the number of cells of a size in m along x or y of ``bev_range``."""
    return round(2 * _REACH / size)


def voxel_shape(size: Sequence[float]) -> list[int]:
    """Return the ``sparse_shape`` of a sparse encoder, along z, y and x.

    The encoder has one more cell along z than there are voxels.

    Args:
        size: Size of the voxels along x, y and z in m.
    """
    bottom, top = bev_range()[2::3]
    return [round((top - bottom) / size[2]) + 1, cells_across(size[1]), cells_across(size[0])]


def pillars(size: Sequence[float], channels: int, max_voxels: tuple[int, int]) -> dict[str, Any]:
    """Return a LiDAR network's parts up to the map of PointPillars.

    Args:
        size: Size of the pillars along x, y and z in m.
        channels: Number of channels of the map.
        max_voxels: Largest number of pillars in training and in tests.
    """
    grid = dict(voxel_size=size, point_cloud_range=bev_range())
    return dict(
        pts_voxelizer=dict(type="HardVoxelizer", **grid, max_num_points=20, max_voxels=max_voxels),
        pts_voxel_encoder=dict(
            type="PillarFeatureNet",
            in_channels=5,
            feat_channels=[channels],
            **grid,
            norm_cfg=dict(type="BN1d", eps=1e-3, momentum=0.01),
            legacy=False,
        ),
        pts_middle_encoder=dict(
            type="PointPillarsScatter",
            in_channels=channels,
            output_shape=(cells_across(size[1]), cells_across(size[0])),
        ),
    )


def second_fpn(
    in_channels: int,
    level_channels: Sequence[int],
    layer_nums: Sequence[int],
    *,
    layer_strides: Sequence[int],
    out_channels: Sequence[int],
    upsample_strides: Sequence[float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return SECOND's backbone and its FPN, as in mmdet3d's CenterPoint.

    Args:
        in_channels: Number of channels of the map that enters.
        level_channels: Number of channels of each level of the backbone.
        layer_nums: Number of layers of each level.
        layer_strides: Stride of each level.
        out_channels: Number of channels that each level adds to the map.
        upsample_strides: Upsampling of each level.
    """
    norm_cfg = dict(type="BN", eps=1e-3, momentum=0.01)
    backbone = dict(
        type="SECOND",
        in_channels=in_channels,
        out_channels=level_channels,
        layer_nums=layer_nums,
        layer_strides=layer_strides,
        norm_cfg=norm_cfg,
        conv_cfg=dict(type="Conv2d", bias=False),
    )
    neck = dict(
        type="SECONDFPN",
        in_channels=level_channels,
        out_channels=out_channels,
        upsample_strides=upsample_strides,
        norm_cfg=dict(norm_cfg),
        upsample_cfg=dict(type="deconv", bias=False),
        use_conv_for_no_stride=True,
    )
    return backbone, neck


def lift_splat(in_channels: int, out_channels: int, depth_step: float) -> dict[str, Any]:
    """Return a view transform to :func:`bev_range`: cells of 0.4 m, a map of 0.8 m.

    Args:
        in_channels: Number of channels of the images' features.
        out_channels: Number of channels of the map.
        depth_step: Distance between two depths of a pixel in m.
    """
    return dict(
        type="LSSViewTransform",
        in_channels=in_channels,
        out_channels=out_channels,
        point_cloud_range=bev_range(-10.0, 10.0),
        cell_size=0.4,
        depth_range=(1.0, 60.0, depth_step),
        downsample=2,
    )
