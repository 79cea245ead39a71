"""Grouping of points into voxels, the cells of a grid.

All functions run on the device of their arguments and are deterministic, also on a
GPU: the same points give bit-identical voxels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.utils.checks import check_shape


class Voxels(NamedTuple):
    """Occupied voxels of a batch, sorted by ``coors``.

    Attributes:
        features: Features of each voxel, shape (K, F).
        coors: Cell of each voxel, int32, shape (K, 4): (sample, z, y, x), or
            (sample, z, phi, rho) in cylindrical coordinates. Never negative.
        point2voxel: Row of each point's voxel, in the order of the concatenated points,
            int64, shape (N,); -1 where a point is out of range or not finite.
        spatial_shape: Number of cells along z, y, x (z, phi, rho); ``coors`` are below
            it.
        batch_size: Number of point clouds, empty ones included.
        num_points: Number of points of each voxel, shape (K,), if voxels keep their
            points; ``features`` are then the points, padded by zeros, shape
            (K, slots, F).
    """

    features: Tensor
    coors: Tensor
    point2voxel: Tensor
    spatial_shape: tuple[int, int, int]
    batch_size: int
    num_points: Tensor | None = None


def grid_shape(
    point_cloud_range: Sequence[float], voxel_size: Sequence[float]
) -> tuple[int, int, int]:
    """Return the number of cells along z, y and x, at least one each.

    Args:
        point_cloud_range: Lower ends along x, y and z, then upper ends.
        voxel_size: Size of a cell along x, y and z in the same units.

    Raises:
        ValueError: If the sizes are not three positive numbers, or the ends not three
            lower and three larger upper ones.
    """
    if len(voxel_size) != 3 or min(voxel_size) <= 0:
        raise ValueError(f"voxel_size must be three positive sizes, but got {voxel_size}.")
    lower, upper = point_cloud_range[:3], point_cloud_range[3:]
    if len(upper) != 3 or any(lo >= hi for lo, hi in zip(lower, upper, strict=True)):
        raise ValueError(
            "point_cloud_range must be three lower and three larger upper ends, "
            f"but got {point_cloud_range}."
        )
    x, y, z = (
        max(1, round((hi - lo) / size))
        for lo, hi, size in zip(lower, upper, voxel_size, strict=True)
    )
    return z, y, x


def to_cylindrical(points: Tensor) -> Tensor:
    """Convert (x, y, z) in m to (rho in m, phi in deg, z in m).

    phi increases from x to y and is in [-180, 180]; it is 0 on the axis.

    Args:
        points: Positions in m, shape (N, 3 or more); further columns are ignored.

    Example:
        >>> to_cylindrical(torch.tensor([[0.0, 2.0, 1.0]]))
        tensor([[ 2., 90.,  1.]])
    """
    x, y, z = points[:, :3].unbind(dim=1)
    return torch.stack([torch.hypot(x, y), torch.rad2deg(torch.atan2(y, x)), z], dim=1)


def unique_cells(cells: Tensor, spatial_shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Return the sorted occupied cells, and the cell of each point.

    Args:
        cells: (sample, z, y, x) of each point, from 0, int64, shape (N, 4).
        spatial_shape: Number of cells along z, y and x.

    Returns:
        The K occupied cells, int64, shape (K, 4), and the row of each point's cell,
        int64, shape (N,).

    Raises:
        ValueError: If ``cells`` has the wrong shape.
    """
    check_shape("cells", cells, ("N", 4))
    sample, z, y, x = cells.unbind(dim=1)
    depth, height, width = spatial_shape
    key = ((sample * depth + z) * height + y) * width + x
    key, point2voxel = torch.unique(key, return_inverse=True)

    columns = []
    for size in (width, height, depth):
        columns.append(key % size)
        key = torch.div(key, size, rounding_mode="floor")
    return torch.stack([key, *reversed(columns)], dim=1), point2voxel


def first_points(point2voxel: Tensor, num_voxels: int) -> Tensor:
    """Return the lowest row of the points in each voxel, shape (K,).

    Args:
        point2voxel: Voxel of each point, from 0, int64, shape (N,).
        num_voxels: Number of voxels K; each must have a point.
    """
    rows = torch.arange(len(point2voxel), device=point2voxel.device)
    first = rows.new_full((num_voxels,), len(point2voxel))
    return first.scatter_reduce_(0, point2voxel, rows, "amin")


def sort_into_voxels(point2voxel: Tensor, num_voxels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sort points by voxel, and number the points of each voxel in their order.

    Args:
        point2voxel: Voxel of each point, from 0, int64, shape (N,).
        num_voxels: Number of voxels K; voxels may be empty.

    Returns:
        Rows of the points in the order of the voxels, shape (N,); the rank of each of
        these in its voxel, from 0, shape (N,); and the number of points of each voxel,
        shape (K,).
    """
    voxel, order = torch.sort(point2voxel, stable=True)
    counts = torch.bincount(voxel, minlength=num_voxels)
    starts = counts.cumsum(dim=0) - counts
    return order, torch.arange(len(voxel), device=voxel.device) - starts[voxel], counts


def mean_of_points(
    features: Tensor, point2voxel: Tensor, num_voxels: int, max_points: int | None = None
) -> Tensor:
    """Average the features of the points in each voxel.

    Args:
        features: Shape (N, F).
        point2voxel: Voxel of each point, from 0, int64, shape (N,).
        num_voxels: Number of voxels K; each must have a point.
        max_points: Average at most this many points per voxel, those of the lowest
            rows, as in hard voxelization of mmcv and spconv; ``None`` for all.

    Returns:
        Shape (K, F).
    """
    if num_voxels == 0:
        return features.new_zeros(0, features.shape[1])
    order, rank_in_voxel, counts = sort_into_voxels(point2voxel, num_voxels)
    if max_points is not None:
        order = order[rank_in_voxel < max_points]
        counts = counts.clamp(max=max_points)
    # Sums each segment in the order of its rows, unlike `index_add_` on a GPU.
    return torch.segment_reduce(features[order], "mean", lengths=counts, axis=0)
