"""Positions of the cells of an image feature map, and interpolation between them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from perception_kd.utils.checks import check_shape


def interpolation_matrix(num_cells: int, size: int, scale: float, offset: float) -> Tensor:
    """Return linear interpolation along one axis as a matrix.

    Convention:
        Cell j lies at ``offset + scale * j`` px. A pixel beyond the outer cells reads
        the outer cell.

    Args:
        num_cells: Number of cells.
        size: Number of pixels.
        scale: Distance of two cells in px.
        offset: Position of cell 0 in px.

    Returns:
        Weight of each cell at each pixel, rows sum to 1, shape (size, num_cells).

    Example:
        >>> interpolation_matrix(num_cells=2, size=4, scale=2, offset=0.5)
        tensor([[1.0000, 0.0000],
                [0.7500, 0.2500],
                [0.2500, 0.7500],
                [0.0000, 1.0000]])
    """
    position = ((torch.arange(size) - offset) / scale).clamp(0, num_cells - 1)
    distance = (position[:, None] - torch.arange(num_cells)).abs()
    return (1 - distance).clamp(min=0)


def resample_cells(feats: Tensor, size: Sequence[int], scale: float, offset: float) -> Tensor:
    """Read a feature map bilinearly at every pixel, cells where the network puts them.

    ``torch.nn.functional.interpolate`` knows two placements of the cells only; those of
    a convolutional network are usually a third one.

    Args:
        feats: Feature maps, shape (V, C, h, w).
        size: Height and width of the result in px.
        scale: Distance of two cells in px, along both axes.
        offset: Position of cell 0 in px, along both axes.

    Returns:
        Features of the pixels, shape (V, C, H, W).

    Raises:
        ValueError: If ``feats`` has not four axes.
    """
    check_shape("feats", feats, ("V", "C", "h", "w"))
    rows, cols = (
        interpolation_matrix(cells, pixels, scale, offset).to(feats)
        for cells, pixels in zip(feats.shape[-2:], size, strict=True)
    )
    return rows @ (feats @ cols.T)


def read_cells(feats: Tensor, view: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """Read feature maps bilinearly at some positions.

    Args:
        feats: Feature maps, shape (V, C, h, w).
        view: Map to read, int64, shape (M,).
        row: Position along the rows of cells, floating, shape (M,). Beyond the outer
            cells the outer cell is read.
        col: Position along the columns, likewise.

    Returns:
        Features at the positions, shape (M, C).

    Raises:
        ValueError: If ``feats`` has not four axes.
    """
    check_shape("feats", feats, ("V", "C", "h", "w"))
    cells = feats.permute(0, 2, 3, 1)  # (V, h, w, C)
    height, width = feats.shape[-2:]
    top, left = row.clamp(0, height - 1), col.clamp(0, width - 1)
    row_low, col_low = top.floor().long(), left.floor().long()
    row_high = (row_low + 1).clamp(max=height - 1)
    col_high = (col_low + 1).clamp(max=width - 1)
    down, right = (top - row_low)[:, None], (left - col_low)[:, None]
    upper = torch.lerp(cells[view, row_low, col_low], cells[view, row_low, col_high], right)
    lower = torch.lerp(cells[view, row_high, col_low], cells[view, row_high, col_high], right)
    return torch.lerp(upper, lower, down)
