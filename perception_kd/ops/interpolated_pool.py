"""Mean of interpolated and normalized features over segments, from small maps.

A pixel between four cells has the feature sum_c w_c f_c of length n. The mean over a
segment is then a weighted mean of the cells, with sum_p w_c(p) / n(p) over its pixels;
and n^2 = sum_cd w_c w_d <f_c, f_d> needs only the products of neighboring cells. So no
map of C channels is made at the size of the image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.ops.segment_pool import rows_and_counts
from perception_kd.utils.checks import check_shape

_EPS = 1e-12  # of torch.nn.functional.normalize


def pool_interpolated(
    feature_maps: Tensor,
    superpixels: Tensor,
    num_superpixels: int,
    cells: tuple[Tensor, Tensor],
    normalize: bool = True,
) -> tuple[Tensor, Tensor]:
    """Average the bilinear features of the pixels of each superpixel.

    Equal to :func:`~.segment_pool.pool_upsampled` with an ``enlarge`` that interpolates
    bilinearly and then scales the features of each pixel to unit length, in a fraction
    of its time. Lengths are computed in float64, since opposite cells cancel.

    Args:
        feature_maps: Feature maps of V views, shape (V, C, h, w).
        superpixels: Superpixel of each pixel, integers from 0, -1 = none, (V, H, W).
        num_superpixels: Number of superpixels S, more than the largest id.
        cells: Position of each row of pixels along the h cells, (H,), and of each
            column along the w cells, (W,), floating. Beyond the outer cells the outer
            cell is read.
        normalize: Whether the features of each pixel have unit length.

    Returns:
        As :func:`~.segment_pool.pool_pixels`.

    Raises:
        ValueError: If the shapes do not fit or an id is not in -1..S-1.
    """
    check_shape("feature_maps", feature_maps, ("V", "C", "h", "w"))
    check_shape("superpixels", superpixels, (len(feature_maps), len(cells[0]), len(cells[1])))

    rows, counts = rows_and_counts(superpixels, num_superpixels)
    wide = feature_maps.to(torch.promote_types(feature_maps.dtype, torch.float32))
    axes = [
        _Axis(position, size) for position, size in zip(cells, feature_maps.shape[2:], strict=True)
    ]
    with torch.autocast(feature_maps.device.type, enabled=False):
        scales = _inverse_lengths(wide, axes) if normalize else None
        sums = _sum_cells(wide, scales, rows, axes, num_superpixels)
    return sums / counts.clamp(min=1)[:, None], counts


class _Axis:
    """Pixels along one axis, between cells ``low`` and ``low + 1``.

    Args:
        position: Position of each pixel along the cells, (N,).
        num_cells: Number of cells.
    """

    def __init__(self, position: Tensor, num_cells: int) -> None:
        clamped = position.double().clamp(0, num_cells - 1)
        self.low = clamped.floor().clamp(max=max(num_cells - 2, 0)).long()
        self.high = (self.low + 1).clamp(max=num_cells - 1)
        self.share = clamped - self.low  # of the higher cell
        self.num_cells = num_cells

    def products(self) -> Tensor:
        """Return the products of two weights of each pixel, (N, 2 cells - 1).

        First those of each cell with itself, then those of each cell and the next.
        """
        weights = self.share.new_zeros(len(self.low), self.num_cells)
        weights.scatter_add_(1, self.low[:, None], (1 - self.share)[:, None])
        weights.scatter_add_(1, self.high[:, None], self.share[:, None])
        return torch.cat([weights.square(), weights[:, :-1] * weights[:, 1:]], dim=1)


def _inverse_lengths(maps: Tensor, axes: list[_Axis]) -> Tensor:
    """Return one over the length of each pixel's feature, float64, (V, H, W)."""
    f = maps.double()
    upper, lower, left, right = f[:, :, :-1], f[:, :, 1:], f[..., :-1], f[..., 1:]
    across = (upper[..., :-1] * lower[..., 1:] + upper[..., 1:] * lower[..., :-1]).sum(1)
    pairs = torch.cat(
        [
            torch.cat([f.square().sum(1), 2 * (left * right).sum(1)], dim=2),
            torch.cat([2 * (upper * lower).sum(1), 2 * across], dim=2),
        ],
        dim=1,
    )  # (V, 2 h - 1, 2 w - 1)
    squared = axes[0].products() @ pairs @ axes[1].products().T
    return squared.clamp(min=_EPS**2).rsqrt()


def _sum_cells(
    maps: Tensor, scales: Tensor | None, rows: Tensor, axes: list[_Axis], num_superpixels: int
) -> Tensor:
    """Sum the cells with their weights in the pixels of each superpixel, (S, C)."""
    corners = [
        (y[:, None] * axes[1].num_cells + x, a[:, None] * b)
        for y, a in ((axes[0].low, 1 - axes[0].share), (axes[0].high, axes[0].share))
        for x, b in ((axes[1].low, 1 - axes[1].share), (axes[1].high, axes[1].share))
    ]
    places = torch.stack([place for place, _ in corners])  # (4, H, W)
    weights = torch.stack([weight for _, weight in corners])
    # Superpixels of a view have neighboring ids, of which alone the weights are held.
    seen = torch.stack([rows.flatten(1).amin(1), _highest(rows, num_superpixels)], dim=1)
    sums = maps.new_zeros(num_superpixels, maps.shape[1])
    for view, (first, last) in enumerate(seen.tolist()):
        if last < first:
            continue  # no pixel has a superpixel
        number = last - first + 1
        of_view = (rows[view] - first).clamp(max=number)
        num_cells = axes[0].num_cells * axes[1].num_cells
        scaled = weights if scales is None else weights * scales[view]
        shares = maps.new_zeros((number + 1) * num_cells).scatter_add(
            0, (of_view * num_cells + places).flatten(), scaled.to(maps.dtype).flatten()
        )
        summed = shares.view(number + 1, num_cells)[:-1] @ maps[view].flatten(1).T
        sums = sums + F.pad(summed, (0, 0, first, num_superpixels - last - 1))
    return sums


def _highest(rows: Tensor, none: int) -> Tensor:
    """Return the largest superpixel of each view, -1 without one; ``none`` is no id."""
    return rows.where(rows != none, -1).flatten(1).amax(1)
