"""Sums of image features in the cells of a BEV map, without lifted features.

Lift-splat [1] spreads the feature of a pixel over its possible depths, weighted by
their probabilities, and sums the products in each cell. The published code [1, 2]
stores all products, V * L * h * w * C numbers, before the sum. Here the sum is a
product of a sparse matrix of probabilities (cells x pixels) and the features of the
pixels (pixels x C).

- [1] Lift, Splat, Shoot: Encoding Images from Arbitrary Camera Rigs by Implicitly
  Unprojecting to 3D, 2020, https://arxiv.org/abs/2008.05711, Sec. 3
- [2] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
  Representation, 2022, https://arxiv.org/abs/2205.13542, Sec. 3.2
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.utils.checks import check_shape


class CellIndex(NamedTuple):
    """Frustum points, sorted by the cell they fall into.

    Attributes:
        cells: Cell of each frustum point, int32, shape (V, h, w, L): the depths of a
            pixel are adjacent. ``num_cells`` where a point is off the grid.
        order: Frustum points on the grid, cell by cell, as flat indices of ``cells``,
            int64, shape (n,).
        offsets: First entry of each cell in ``order``, and the end, int32, shape
            (num_cells + 1,).
    """

    cells: Tensor
    order: Tensor
    offsets: Tensor

    @property
    def num_cells(self) -> int:
        """Number of cells."""
        return len(self.offsets) - 1


def index_cells(cells: Tensor, num_cells: int) -> CellIndex:
    """Sort frustum points by cell.

    Args:
        cells: Cell of each frustum point, integers from 0, -1 = off the grid, shape (V,
            L, h, w).
        num_cells: Number of cells, more than the largest.

    Raises:
        ValueError: If the shape is wrong or a cell is not in -1..num_cells-1.
    """
    check_shape("cells", cells, ("V", "L", "h", "w"))
    if cells.numel() > 0:
        lowest, highest = torch.stack(cells.aminmax()).tolist()
        if lowest < -1 or highest >= num_cells:
            raise ValueError(f"cells must be in -1..{num_cells - 1}, but got {lowest}..{highest}.")
    by_pixel = torch.where(cells < 0, num_cells, cells).int().permute(0, 2, 3, 1).contiguous()
    # Stable, so that each cell adds its points in the same order in every run.
    ordered, order = torch.sort(by_pixel.flatten(), stable=True)
    bounds = torch.arange(num_cells + 1, dtype=torch.int32, device=cells.device)
    offsets = torch.searchsorted(ordered, bounds, out_int32=True)
    return CellIndex(by_pixel, order[: int(offsets[-1])], offsets)


def bev_pool(depth_probs: Tensor, feats: Tensor, index: CellIndex) -> Tensor:
    """Sum ``depth_probs * feats`` over the frustum points in each cell.

    Repeated runs give bit-identical results: each cell adds in a fixed order.

    Args:
        depth_probs: Weight of each frustum point, shape (V, L, h, w).
        feats: Features of the pixels, shape (V, C, h, w).
        index: Cells of the frustum points, from :func:`index_cells`.

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
    num_views, height, width, num_depths = index.cells.shape
    check_shape("depth_probs", depth_probs, (num_views, num_depths, height, width))
    check_shape("feats", feats, (num_views, "C", height, width))
    rows = _pixels_first(feats).flatten(0, 2)
    return _BEVPool.apply(_pixels_first(depth_probs), rows, index)  # type: ignore[no-untyped-call]


class _BEVPool(torch.autograd.Function):
    """S @ F: weights as a sparse matrix (cells x pixels), features as rows of pixels.

    With G the gradient of the sums, the gradient of F is S^T @ G. The gradient of a
    weight is the product of the rows of F and G that it joins, which is the gradient of
    the sum of F * (S^T @ G) by S. The backward pass of autograd would sort again.
    """

    @staticmethod
    def forward(ctx: Any, weights: Tensor, rows: Tensor, index: CellIndex) -> Tensor:
        ctx.index = index
        ctx.save_for_backward(weights, rows)
        pixels = torch.div(index.order, weights.shape[-1], rounding_mode="floor").int()
        return _sum_rows(rows, pixels, index.offsets, weights.flatten()[index.order])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        weights, rows = ctx.saved_tensors
        cells = ctx.index.cells
        # The last row stands for points off the grid, whose gradient is zero.
        table = F.pad(grad, (0, 0, 0, 1))
        ends = torch.arange(len(rows) + 1, dtype=torch.int32, device=grad.device) * cells.shape[-1]
        with torch.enable_grad():
            weights = weights.detach().requires_grad_()
            grad_rows = _sum_rows(table, cells.flatten(), ends, weights.flatten())
            (grad_weights,) = torch.autograd.grad(grad_rows, weights, rows)
        return grad_weights, grad_rows.detach(), None


def _pixels_first(maps: Tensor) -> Tensor:
    """Permute (V, C, h, w) to (V, h, w, C), float32 or wider."""
    return maps.permute(0, 2, 3, 1).to(torch.promote_types(maps.dtype, torch.float32)).contiguous()


def _sum_rows(rows: Tensor, which: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Sum weighted rows per segment, in the order of ``which``."""
    return F.embedding_bag(
        which, rows, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
