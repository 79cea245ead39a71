"""BEV pooling of frustum features, compared with the cumulative-sum trick of LSS."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare
from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.view_transforms.frustum import Cameras, frustum_cells
from perception_kd.ops import bev_pool, index_cells

_NUM_CHANNELS = 80

# From the grid of BEVFusion with 0.1 m voxels to one as coarse as in many detectors.
GRIDS = {
    "256x256": BEVGrid((-51.2, -51.2, -10.0, 51.2, 51.2, 10.0), 0.4),
    "180x180": BEVGrid((-54.0, -54.0, -10.0, 54.0, 54.0, 10.0), 0.6),
    "128x128": BEVGrid((-51.2, -51.2, -10.0, 51.2, 51.2, 10.0), 0.8),
}


class Frusta(NamedTuple):
    """Inputs of the pooling.

    Attributes:
        probs: Depth probabilities, shape (V, L, h, w).
        feats: Features, shape (V, C, h, w).
        cells: Cell of each frustum point, -1 = outside the grid, shape (V, L, h, w).
        num_cells: Number of cells.
    """

    probs: Tensor
    feats: Tensor
    cells: Tensor
    num_cells: int


def benchmark_bev_pool(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare forward and backward passes at the size of BEVFusion.

    Six cameras of 256x704 px, 118 depths, 32 x 88 feature cells and 80 channels. Both
    implementations start from the cell of each frustum point and sort the points, as
    training with augmentation has to in every step. The reference differs by the error
    of its running sum in single precision. The last row compares with ``index_add`` on
    the same outer product.

    Args:
        settings: Repeats and device.

    Yields:
        One row per grid, then one for ``index_add`` on the last grid.
    """
    for name, grid in GRIDS.items():
        frusta = make_frusta(grid, feat_shape=(32, 88), device=settings.device)
        by_cumsum, by_index = make_cases(f"bev_pool/{name}", frusta)
        yield compare(by_cumsum, settings)
    yield compare(by_index, settings)


def make_frusta(grid: BEVGrid, feat_shape: tuple[int, int], device: str = "cpu") -> Frusta:
    """Make random features of six cameras that look outwards and slightly down."""
    generator = torch.Generator().manual_seed(0)
    depths = torch.arange(1.0, 60.0, 0.5)
    cells = frustum_cells(make_cameras(feat_shape), feat_shape, depths, grid)
    num_views = len(cells)
    probs = torch.randn(cells.shape, generator=generator).softmax(dim=1)
    feats = torch.randn(num_views, _NUM_CHANNELS, *feat_shape, generator=generator)
    return Frusta(
        probs.to(device).requires_grad_(),
        feats.to(device).requires_grad_(),
        cells.to(device),
        math.prod(grid.shape),
    )


def make_cameras(feat_shape: tuple[int, int]) -> Cameras:
    """Make six cameras with 70 degrees field of view, 60 degrees apart, stride 8."""
    angle = torch.arange(6) * math.pi / 3
    pitch = torch.tensor(0.02)
    zero = torch.zeros(6)
    right = torch.stack([angle.sin(), -angle.cos(), zero], dim=1)
    ahead = torch.stack([angle.cos(), angle.sin(), zero - pitch.sin()], dim=1)
    ahead = ahead / ahead.norm(dim=1, keepdim=True)
    lidar2cam = torch.eye(4).repeat(6, 1, 1)
    lidar2cam[:, :3, :3] = torch.stack([right, torch.linalg.cross(ahead, right), ahead], dim=1)
    height, width = feat_shape[0] * 8, feat_shape[1] * 8
    focal = width / 2 / math.tan(math.radians(35))
    cam2img = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Cameras(
        lidar2cam=lidar2cam,
        cam2img=cam2img.repeat(6, 1, 1),
        img_aug_matrix=torch.eye(3).repeat(6, 1, 1),
        lidar_aug_matrix=torch.eye(4)[None],
        view_sample=torch.zeros(6, dtype=torch.long),
        img_shape=(height, width),
    )


def make_cases(name: str, frusta: Frusta) -> tuple[Case, Case]:
    """Make the comparisons; results are the sums and both gradients."""
    probs, feats, cells, num_cells = frusta
    grad = torch.linspace(-1, 1, num_cells * _NUM_CHANNELS, device=cells.device).view(num_cells, -1)

    def with_grad(sums: Tensor) -> Sequence[Tensor]:
        return [sums.detach(), *torch.autograd.grad(sums, (probs, feats), grad)]

    def ours() -> Sequence[Tensor]:
        return with_grad(bev_pool(probs, feats, index_cells(cells, num_cells)))

    return (
        Case(
            name,
            "outer product, sort, cumulative sum",
            ours,
            lambda: with_grad(pool_by_cumsum(probs, feats, cells, num_cells)),
        ),
        Case(
            f"{name}/index_add",
            "outer product, index_add",
            ours,
            lambda: with_grad(pool_by_index(probs, feats, cells, num_cells)),
        ),
    )


def pool_by_index(probs: Tensor, feats: Tensor, cells: Tensor, num_cells: int) -> Tensor:
    """Pool by adding the rows of the outer product to their cells.

    Args:
        probs: See :class:`Frusta`, also for the other arguments.
        feats: Features.
        cells: Cell of each frustum point.
        num_cells: Number of cells.

    Returns:
        Sums, shape (num_cells, C).
    """
    products, cells = _spread(probs, feats, cells)
    return products.new_zeros(num_cells, products.shape[1]).index_add(0, cells, products)


def _spread(probs: Tensor, feats: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outer product inside the grid, (rows, C), and its cells, (rows,)."""
    products = (probs[:, None] * feats[:, :, None]).permute(0, 2, 3, 4, 1).flatten(0, 3)
    kept = cells.flatten() >= 0
    return products[kept], cells.flatten()[kept]


def pool_by_cumsum(probs: Tensor, feats: Tensor, cells: Tensor, num_cells: int) -> Tensor:
    """Pool like Lift, Splat, Shoot (arXiv 2008.05711, Sec. 3.3 and its code).

    Args:
        probs: See :class:`Frusta`, also for the other arguments.
        feats: Features.
        cells: Cell of each frustum point.
        num_cells: Number of cells.

    Returns:
        Sums, shape (num_cells, C).
    """
    products, cells = _spread(probs, feats, cells)
    order = cells.argsort()
    sums, occupied = _SumsByDifference.apply(products[order], cells[order])  # type: ignore[no-untyped-call]
    return sums.new_zeros(num_cells, sums.shape[1]).index_copy(0, occupied.long(), sums)


class _SumsByDifference(torch.autograd.Function):
    """Sums of sorted segments as differences of the running sum at their ends."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        is_last = torch.ones_like(segments, dtype=torch.bool)
        is_last[:-1] = segments[1:] != segments[:-1]
        ctx.save_for_backward(is_last)
        running = rows.cumsum(0)[is_last]
        occupied = segments[is_last]
        ctx.mark_non_differentiable(occupied)
        return torch.cat([running[:1], running[1:] - running[:-1]]), occupied

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor, None]:
        (is_last,) = ctx.saved_tensors
        segment = is_last.cumsum(0) - is_last.long()
        return grad[segment], None
