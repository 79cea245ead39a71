"""Grids of bird's-eye view (BEV) maps, and sampling of maps at points."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.utils.checks import check_shape
from perception_kd.utils.constants import constant


@dataclass(frozen=True)
class BEVGrid:
    """Grid of square cells on the ground.

    Convention:
        - A map is (Y, X): row i spans ``y_min + i * cell_size`` to ``y_min + (i + 1) *
          cell_size`` in m, and column j spans x likewise.
        - The value of a cell is at its center, ``i + 0.5``.

    Args:
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) in m, half-open.
            The heights are ignored.
        cell_size: Edge of a cell in m. It must divide the range.

    Raises:
        ValueError: If the range is not six numbers, or the cells do not divide it.

    Example:
        >>> BEVGrid((-51.2, -51.2, -5, 51.2, 51.2, 3), cell_size=0.8).shape
        (128, 128)
    """

    point_cloud_range: tuple[float, ...]
    cell_size: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "point_cloud_range", tuple(self.point_cloud_range))
        if len(self.point_cloud_range) != 6:
            raise ValueError(f"point_cloud_range must be 6 numbers, but got {self}.")
        if self.cell_size <= 0:
            raise ValueError(f"cell_size must be positive, but got {self.cell_size}.")
        for extent in self._extents():
            cells = extent / self.cell_size
            if cells < 0.5 or abs(cells - round(cells)) > 1e-3:
                raise ValueError(
                    f"cell_size must divide the range into whole cells, but got {self.cell_size} "
                    f"for {extent}."
                )

    def _extents(self) -> tuple[float, float]:
        x_min, y_min, _, x_max, y_max, _ = self.point_cloud_range
        return y_max - y_min, x_max - x_min

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells along y and x."""
        along_y, along_x = (round(extent / self.cell_size) for extent in self._extents())
        return along_y, along_x

    def to_cells(self, points: Tensor) -> Tensor:
        """Return (x, y) of points in units of cells from the lower ends, shape (N, 2).

        Args:
            points: Positions in m, shape (N, 2 or more); columns after x and y are
                ignored.
        """
        lower = constant(self.point_cloud_range[:2], points.dtype, points.device)
        return (points[:, :2] - lower) / constant(self.cell_size, points.dtype, points.device)

    def contains(self, points: Tensor) -> Tensor:
        """Return whether points are on the grid at any height, bool, shape (N,)."""
        cells = self.to_cells(points)
        rows, columns = self.shape
        upper = constant((columns, rows), cells.dtype, cells.device)
        return ((cells >= 0) & (cells < upper)).all(dim=1)


def sample_bev(
    bev: Tensor, points: list[Tensor], grid: BEVGrid, value_at: str = "center"
) -> tuple[Tensor, Tensor]:
    """Sample maps at points by bilinear interpolation.

    Between the outermost centers and the border of the grid, a point has the value of
    the border; zeros are not mixed in.

    Args:
        bev: One map per sample, shape (B, C, Y, X).
        points: One point cloud per sample, x and y in m first, each (N_b, 2 or more).
        grid: Grid of the maps.
        value_at: Position of a value in its cell: "center", or "corner", the lower end
            of the cell, as in SLidR's published code and OpenPCDet, which is off by
            half a cell.

    Returns:
        Features in the order of the concatenated points, shape (N, C), zero for points
        off the grid; and whether a point is on the grid, bool, shape (N,). Features
        have the wider dtype of ``bev`` and ``points``: half precision is too coarse for
        positions.

    Raises:
        ValueError: If the shapes do not fit, or ``value_at`` is unknown.
    """
    check_shape("bev", bev, (len(points), "C", *grid.shape))
    if value_at not in ("center", "corner"):
        raise ValueError(f'value_at must be "center" or "corner", but got "{value_at}".')

    on_grid = torch.cat([grid.contains(positions) for positions in points])
    feats = torch.cat(
        [_sample_map(*item, grid, value_at) for item in zip(bev, points, strict=True)]
    )
    return torch.where(on_grid[:, None], feats, 0.0), on_grid


def _sample_map(bev: Tensor, positions: Tensor, grid: BEVGrid, value_at: str) -> Tensor:
    """Sample one map (C, Y, X) at points (N, 2 or more); undefined off the grid."""
    rows, columns = grid.shape
    cells = grid.to_cells(positions)
    if value_at == "corner":
        cells = cells + 0.5
    # -1 and 1 are the outer borders of the outer cells.
    where = 2 * cells / constant((columns, rows), cells.dtype, cells.device) - 1
    dtype = torch.promote_types(bev.dtype, positions.dtype)
    feats = F.grid_sample(
        bev[None].to(dtype),
        where[None, None].to(dtype),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return feats[0, :, 0].T
