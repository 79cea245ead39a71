"""Sums of image features in the cells of a BEV map, without lifting the features.

Lift-splat [1] spreads the feature of a pixel over the depths where the pixel may lie,
weighted by their probabilities, and adds up what falls into each cell. The published
codes [1, 2] write all those products down, V * D * h * w * C numbers, before they add
them up. Here the sum is what it is in the end, a sparse matrix of probabilities (cells
x pixels) times the features of the pixels (pixels x C).

- [1] Lift, Splat, Shoot: Encoding Images from Arbitrary Camera Rigs by Implicitly
  Unprojecting to 3D, 2020, https://arxiv.org/abs/2008.05711, Sec. 3
- [2] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
  Representation, 2022, https://arxiv.org/abs/2205.13542, Sec. 3.2
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.utils.checks import check_shape

# Rows of features gathered at once in the backward pass: few enough to stay in the
# cache of a CPU, many enough to keep a GPU busy.
_CHUNK_ROWS = {"cpu": 2**15, "cuda": 2**22}


class CellIndex(NamedTuple):
    """Which frustum points fall into which cell, in the order of the cells.

    Attributes:
        points: Frustum points on the grid, cell by cell, as flat indices of (V, D, h,
            w), int64, shape (n,).
        pixels: Pixel of each, as a flat index of (V, h, w), shape (n,).
        offsets: First entry of each cell, and the end, shape (num_cells + 1,).
        cells: Cell of each frustum point, -1 = off the grid, shape (V, D, h, w).
    """

    points: Tensor
    pixels: Tensor
    offsets: Tensor
    cells: Tensor


def index_cells(cells: Tensor, num_cells: int) -> CellIndex:
    """Sort frustum points by cell.

    Args:
        cells: Cell of each frustum point, integers from 0, -1 = off the grid, shape (V,
            D, h, w).
        num_cells: Number of cells, more than the largest.

    Raises:
        ValueError: If the shape is wrong or a cell is not in -1..num_cells-1.
    """
    check_shape("cells", cells, ("V", "D", "h", "w"))
    if cells.numel() > 0:
        lowest, highest = (int(x) for x in cells.aminmax())
        if lowest < -1 or highest >= num_cells:
            raise ValueError(f"cells must be in -1..{num_cells - 1}, but got {lowest}..{highest}.")
    _, num_depths, height, width = cells.shape
    ordered, points = torch.sort(cells.flatten(), stable=True)
    boundaries = torch.arange(num_cells + 1, device=cells.device, dtype=ordered.dtype)
    offsets = torch.searchsorted(ordered, boundaries)
    points = points[int(offsets[0]) :]
    offsets = offsets - offsets[0]
    area = height * width
    view = torch.div(points, num_depths * area, rounding_mode="floor")
    return CellIndex(points, view * area + points % area, offsets, cells)


def bev_pool(depth_probs: Tensor, feats: Tensor, index: CellIndex) -> Tensor:
    """Sum ``depth_probs * feats`` over the frustum points in each cell.

    Repeated runs give the same result, bit for bit: each cell adds in one order.

    Args:
        depth_probs: Weight of each frustum point, shape (V, D, h, w).
        feats: Features of the pixels, shape (V, C, h, w).
        index: Where the frustum points fall, from :func:`index_cells`.

    Returns:
        Shape (num_cells, C), float32 or wider whatever the dtype of the arguments, zero
        where no point falls.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> cells = torch.tensor([0, 1, 1, -1]).view(1, 2, 1, 2)
        >>> probs = torch.tensor([0.5, 0.25, 0.5, 0.75]).view(1, 2, 1, 2)
        >>> feats = torch.tensor([[[[2.0, 4.0]]]])
        >>> bev_pool(probs, feats, index_cells(cells, num_cells=3))
        tensor([[1.],
                [2.],
                [0.]])
    """
    check_shape("depth_probs", depth_probs, index.cells.shape)
    num_views, _, height, width = depth_probs.shape
    check_shape("feats", feats, (num_views, "C", height, width))
    return _BEVPool.apply(depth_probs, feats, index)  # type: ignore[no-untyped-call]


class _BEVPool(torch.autograd.Function):
    """S @ F with S the sparse matrix of weights, F the features as rows.

    With G the gradient of the sums, that of F is S^T @ G, and that of a weight is the
    product of the rows of F and G that it joins. Autograd's own chain would write down
    a row of C products for each weight.
    """

    @staticmethod
    def forward(ctx: Any, depth_probs: Tensor, feats: Tensor, index: CellIndex) -> Tensor:
        ctx.index = index
        ctx.save_for_backward(depth_probs, feats)
        wide = torch.promote_types(feats.dtype, torch.float32)
        weights = depth_probs.reshape(-1)[index.points].to(wide)
        return _sum_rows(_as_rows(feats).to(wide), index.pixels, index.offsets, weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        depth_probs, feats = ctx.saved_tensors
        num_views, num_depths, height, width = depth_probs.shape
        rows = _as_rows(feats).to(grad.dtype)
        # (pixels, D): all weights of a pixel lie together.
        weights = depth_probs.permute(0, 2, 3, 1).reshape(-1, num_depths).to(grad.dtype)
        cells = ctx.index.cells.permute(0, 2, 3, 1).reshape(-1, num_depths)
        # Cell -1, off the grid, is the last row: it passes nothing back.
        table = torch.cat([grad, grad.new_zeros(1, grad.shape[1])])
        cells = torch.where(cells < 0, len(grad), cells)

        grad_weights, grad_rows = torch.empty_like(weights), torch.empty_like(rows)
        chunk = max(_CHUNK_ROWS.get(grad.device.type, 2**20) // num_depths, 1)
        for start in range(0, len(rows), chunk):
            pixels = slice(start, start + chunk)
            gathered = table[cells[pixels]]  # (chunk, D, C)
            torch.bmm(gathered, rows[pixels, :, None], out=grad_weights[pixels, :, None])
            torch.bmm(weights[pixels, None], gathered, out=grad_rows[pixels, None])
        grad_weights = grad_weights.view(num_views, height, width, num_depths)
        grad_rows = grad_rows.view(num_views, height, width, -1)
        return (
            grad_weights.permute(0, 3, 1, 2).to(depth_probs.dtype),
            grad_rows.permute(0, 3, 1, 2).to(feats.dtype),
            None,
        )


def _as_rows(feats: Tensor) -> Tensor:
    """Return maps (V, C, h, w) as rows (V * h * w, C)."""
    return feats.permute(0, 2, 3, 1).reshape(-1, feats.shape[1])


def _sum_rows(rows: Tensor, which: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Sum weighted rows, segment by segment, each in its own order."""
    return torch.nn.functional.embedding_bag(
        which, rows, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
