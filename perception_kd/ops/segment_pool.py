"""Mean of features over segments, without one-hot matrices.

The same means as SLidR's products with sparse one-hot matrices [1], from sums by index.

- [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
  https://arxiv.org/abs/2203.16258, Sec. 3.2
"""

import contextlib
import math
import mmap
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from perception_kd.utils.checks import check_shape

# Smaller blocks are reused by malloc, without new pages.
MIN_BYTES = 32 * 2**20


def pool_segments(feats: Tensor, segment_ids: Tensor, num_segments: int) -> tuple[Tensor, Tensor]:
    """Average the features of each segment.

    Args:
        feats: Features of P rows, such as the points of P pairs, shape (P, C).
        segment_ids: Segment of each row, integers from 0, shape (P,); -1 = none.
        num_segments: Number of segments S, more than the largest id.

    Returns:
        Means, shape (S, C), float32 or wider whatever the dtype of ``feats``, zero for
        an empty segment; and the number of rows in each segment, shape (S,), int64.

    Raises:
        ValueError: If the shapes do not fit or an id is not in -1..S-1.

    Example:
        >>> feats = torch.tensor([[1.0], [3.0], [5.0]])
        >>> pool_segments(feats, torch.tensor([1, 1, -1]), num_segments=2)
        (tensor([[0.],
                [2.]]), tensor([0, 2]))
    """
    check_shape("feats", feats, ("P", "C"))
    check_shape("segment_ids", segment_ids, feats.shape[:1])

    rows, counts = rows_and_counts(segment_ids, num_segments)
    wide = feats.to(torch.promote_types(feats.dtype, torch.float32))
    sums = wide.new_zeros(num_segments + 1, feats.shape[1]).index_add(0, rows, wide)
    return sums[:-1] / counts.clamp(min=1)[:, None], counts


def pool_pixels(
    feature_maps: Tensor, superpixels: Tensor, num_superpixels: int
) -> tuple[Tensor, Tensor]:
    """Average the features of each superpixel over its pixels.

    Equal to :func:`pool_segments` of the pixels as rows, without the copy of all maps
    that rows need; in the channels-last memory format, pixels are rows already.

    Args:
        feature_maps: Feature maps of V views, shape (V, C, H, W).
        superpixels: Superpixel of each pixel, integers from 0, shape (V, H, W); an id
            that occurs in two views is one superpixel; -1 = none.
        num_superpixels: Number of superpixels S, more than the largest id.

    Returns:
        Means, shape (S, C), float32 or wider, zero for an empty superpixel; and the
        number of pixels in each superpixel, shape (S,), int64.

    Raises:
        ValueError: If the shapes do not fit or an id is not in -1..S-1.
    """
    check_shape("feature_maps", feature_maps, ("V", "C", "H", "W"))
    num_views, _, height, width = feature_maps.shape
    check_shape("superpixels", superpixels, (num_views, height, width))

    if feature_maps.is_contiguous(memory_format=torch.channels_last):
        pixels = feature_maps.permute(0, 2, 3, 1).flatten(0, 2)
        return pool_segments(pixels, superpixels.flatten(), num_superpixels)
    rows, counts = rows_and_counts(superpixels, num_superpixels)
    sums = _sum_pixels(feature_maps, rows, num_superpixels)
    return sums / counts.clamp(min=1)[:, None], counts


def pool_upsampled(
    feature_maps: Tensor,
    superpixels: Tensor,
    num_superpixels: int,
    enlarge: Callable[[Tensor, tuple[int, int]], Tensor],
) -> tuple[Tensor, Tensor]:
    """Average the features of each superpixel over its pixels, from small maps.

    If features are normalized after enlarging, pooling at the low resolution gives
    other means. One view is enlarged at a time, and again in the backward pass, so that
    at most one view is held at full size.

    Args:
        feature_maps: Feature maps of V views, shape (V, C, h, w).
        superpixels: Superpixel of each pixel, integers from 0, -1 = none, (V, H, W).
        num_superpixels: Number of superpixels S, more than the largest id.
        enlarge: From maps (1, C, h, w) and the size (H, W) to features of the pixels,
            (1, C, H, W).

    Returns:
        As :func:`pool_pixels`.

    Raises:
        ValueError: If the shapes do not fit or an id is not in -1..S-1.
    """
    check_shape("feature_maps", feature_maps, ("V", "C", "h", "w"))
    check_shape("superpixels", superpixels, (len(feature_maps), "H", "W"))

    rows, counts = rows_and_counts(superpixels, num_superpixels)
    wide = torch.promote_types(feature_maps.dtype, torch.float32)
    sums = feature_maps.new_zeros(num_superpixels, feature_maps.shape[1], dtype=wide)
    for view in range(len(feature_maps)):
        sums = sums + checkpoint(
            _sum_enlarged,
            feature_maps[view : view + 1],
            rows[view : view + 1],
            num_superpixels,
            enlarge,
            use_reentrant=False,
            preserve_rng_state=False,
        )
    return sums / counts.clamp(min=1)[:, None], counts


def weigh_cells(
    superpixels: Tensor,
    num_superpixels: int,
    size: tuple[int, int],
    enlarge: Callable[[Tensor, tuple[int, int]], Tensor],
) -> Tensor:
    """Return the share of each cell of a map in the means over superpixels.

    For a linear ``enlarge``, the mean over the pixels of a superpixel is a weighted
    mean of the cells of the small map: for maps of many channels that is far less work
    than enlarging them. The weights are the gradients of the means by the cells.

    Args:
        superpixels: Superpixel of each pixel of one view, -1 = none, shape (H, W).
        num_superpixels: Number of superpixels S, more than the largest id.
        size: Height and width (h, w) of the map in cells.
        enlarge: As in :func:`pool_upsampled`, and linear.

    Returns:
        Shape (S, h, w), float32; zero for an empty superpixel. Each other superpixel's
        weights sum to 1 where ``enlarge`` keeps constant maps.

    Example:
        >>> ids = torch.tensor([[0, 0, 1, 1]])
        >>> repeat = lambda maps, size: maps.repeat_interleave(2, dim=3)
        >>> weigh_cells(ids, 2, (1, 2), repeat).flatten(1)
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_shape("superpixels", superpixels, ("H", "W"))
    rows, counts = rows_and_counts(superpixels, num_superpixels)
    is_inside = rows == torch.arange(num_superpixels, device=rows.device)[:, None, None]
    shares = is_inside / counts.clamp(min=1)[:, None, None]
    with torch.enable_grad():
        cells = shares.new_zeros(1, num_superpixels, *size, requires_grad=True)
        enlarged = enlarge(cells, (superpixels.shape[0], superpixels.shape[1]))
        (weights,) = torch.autograd.grad(enlarged, cells, shares[None])
    return weights[0]


def _sum_enlarged(
    feature_map: Tensor,
    rows: Tensor,
    num_superpixels: int,
    enlarge: Callable[[Tensor, tuple[int, int]], Tensor],
) -> Tensor:
    wide = feature_map.to(torch.promote_types(feature_map.dtype, torch.float32))
    return _sum_pixels(enlarge(wide, (rows.shape[1], rows.shape[2])), rows, num_superpixels)


def _sum_pixels(maps: Tensor, rows: Tensor, num_segments: int) -> Tensor:
    return _PixelSums.apply(maps, rows, num_segments)  # type: ignore[no-untyped-call]


def rows_and_counts(ids: Tensor, num_segments: int) -> tuple[Tensor, Tensor]:
    """Check segment ids, and count them.

    Args:
        ids: Integers from 0, -1 = none, any shape.
        num_segments: Number of segments S, more than the largest id.

    Returns:
        The ids with S in place of -1, of the same shape, int64; and the number of
        elements of each segment, shape (S,).

    Raises:
        ValueError: If an id is not in -1..S-1.
    """
    if ids.numel() > 0:
        lowest, highest = torch.stack(ids.aminmax()).tolist()
        if lowest < -1 or highest >= num_segments:
            raise ValueError(
                f"Segment ids must be in -1..{num_segments - 1}, "
                f"but got {lowest}..{highest}; raise the number of segments or renumber."
            )
    rows = torch.where(ids < 0, num_segments, ids).long()
    return rows, torch.bincount(rows.flatten(), minlength=num_segments + 1)[:-1]


class _PixelSums(torch.autograd.Function):
    """Sums of maps (V, C, H, W) over the pixels of each segment, (S, C).

    Rows are 0..S, and S is discarded. Autograd would keep wide copies of half-precision
    maps, and a full-size gradient of every view.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, rows: Tensor, num_segments: int) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.dtype, ctx.shape = maps.dtype, maps.shape

        wide = torch.promote_types(maps.dtype, torch.float32)
        sums = maps.new_zeros(maps.shape[1], num_segments + 1, dtype=wide)
        for view, view_rows in zip(maps, rows.flatten(1), strict=True):
            pixels = view.flatten(1).to(wide)
            sums.scatter_add_(1, view_rows.expand_as(pixels), pixels)
        return sums[:, :-1].T.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        if grad.is_cpu:
            grad_maps = empty_on_large_pages(ctx.shape, ctx.dtype)
        else:
            grad_maps = grad.new_empty(ctx.shape, dtype=ctx.dtype)
        table = F.pad(grad, (0, 0, 0, 1)).T.to(ctx.dtype).contiguous()
        for view_grad, view_rows in zip(grad_maps, rows.flatten(1), strict=True):
            torch.index_select(table, 1, view_rows, out=view_grad.flatten(1))
        return grad_maps, None, None


def empty_on_large_pages(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Allocate an uninitialized tensor on a CPU, on 2 MB pages where Linux has them.

    The system maps a large block 4 kB at a time at its first write, which takes several
    times as long as the write. Large pages need the setting ``madvise`` or ``always``
    in ``/sys/kernel/mm/transparent_hugepage/enabled``, a common default. Without it,
    and for small tensors, this is ``torch.empty``.

    Args:
        shape: Shape of the tensor.
        dtype: Its dtype.

    Returns:
        Contiguous tensor of that shape with arbitrary values.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes < MIN_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(tuple(shape), dtype=dtype)
    block = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        block.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(block, dtype=dtype).view(tuple(shape))
