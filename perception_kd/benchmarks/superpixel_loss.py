"""Superpixel pooling and the loss of SLidR, compared with sparse one-hot matrices."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare, small_pages
from perception_kd.models.heads.pixel_projection import PixelProjection
from perception_kd.models.losses import info_nce
from perception_kd.ops import pool_pixels, pool_segments

_NUM_CHANNELS, _TEMPERATURE = 64, 0.07
_REFERENCE = "sparse one-hot matrices"


class LossInputs(NamedTuple):
    """Inputs of the loss.

    Attributes:
        maps: Normalized feature maps, shape (V, C, H, W).
        small_maps: Feature maps at a quarter of the size, shape (V, C, H / 4, W / 4).
        superpixels: Unique over the views, shape (V, H, W), int64.
        point_feats: Normalized features of the paired points, shape (P, C).
        point_superpixels: Superpixel of each pair, shape (P,).
        num_superpixels: Number of superpixels S.
    """

    maps: Tensor
    small_maps: Tensor
    superpixels: Tensor
    point_feats: Tensor
    point_superpixels: Tensor
    num_superpixels: int


def benchmark_superpixel_loss(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare 12 views of 224x416 px with 64 channels and 150 superpixels each.

    All rows are forward and backward passes: pooling of the full maps; pooling and
    loss; and the whole chain of upsampling, normalization, pooling and loss. On a CPU
    the gain depends on the time that new memory takes, in which both implementations
    write full maps: the same rows follow with pages of 4 kB alone.

    Args:
        settings: Repeats and device.

    Yields:
        One row per comparison.
    """
    batch = make_batch(num_views=12, height=224, width=416, device=settings.device)
    cases = make_cases(batch)
    for case in cases:
        yield compare(case, settings)
    if torch.device(settings.device).type == "cpu":
        with small_pages():
            for case in cases:
                yield compare(case._replace(name=f"{case.name}/small_pages"), settings)


def make_batch(num_views: int, height: int, width: int, device: str = "cpu") -> LossInputs:
    """Make random features, 10 x 15 wavy superpixels and 2500 pairs per view."""
    generator = torch.Generator().manual_seed(0)
    row, col = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wavy_row = (row + 4 * torch.sin(col / 9)).clamp(0, height - 1)
    wavy_col = (col + 4 * torch.sin(row / 7)).clamp(0, width - 1)
    one_view = (wavy_row * 10 // height) * 15 + wavy_col * 15 // width
    superpixels = one_view.long() + 150 * torch.arange(num_views)[:, None, None]
    paired = torch.randint(superpixels.numel(), (2500 * num_views,), generator=generator)

    shapes = (
        (num_views, _NUM_CHANNELS, height, width),
        (num_views, _NUM_CHANNELS, height // 4, width // 4),
        (len(paired), _NUM_CHANNELS),
    )
    maps, small_maps, point_feats = (torch.randn(s, generator=generator) for s in shapes)
    return LossInputs(
        F.normalize(maps, dim=1).to(device).requires_grad_(),
        small_maps.to(device).requires_grad_(),
        superpixels.to(device),
        F.normalize(point_feats, dim=1).to(device).requires_grad_(),
        superpixels.flatten()[paired].to(device),
        150 * num_views,
    )


def make_cases(batch: LossInputs) -> list[Case]:
    """Make the comparisons; results are the means or the loss, and the gradients."""
    ids, num = batch.superpixels, batch.num_superpixels
    grad = torch.linspace(-1, 1, num * _NUM_CHANNELS, device=ids.device).view(num, _NUM_CHANNELS)

    def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
        upsampled = F.interpolate(maps, size, mode="bilinear", align_corners=True)
        return F.normalize(upsampled, dim=1)

    def ours(superpixel_feats: Tensor, maps: Tensor) -> Sequence[Tensor]:
        superpoint_feats, counts = pool_segments(batch.point_feats, batch.point_superpixels, num)
        seen = counts > 0
        loss = info_nce(superpoint_feats[seen], superpixel_feats[seen], _TEMPERATURE)
        return [loss, *torch.autograd.grad(loss, (maps, batch.point_feats))]

    def theirs(full_maps: Tensor, maps: Tensor) -> Sequence[Tensor]:
        superpoint_feats = one_hot_means(batch.point_feats, batch.point_superpixels, num)
        superpixel_feats = one_hot_means(as_rows(full_maps), ids.flatten(), num)
        seen = superpoint_feats[:, 0] != 0
        logits = superpoint_feats[seen] @ superpixel_feats[seen].T / _TEMPERATURE
        loss = F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
        return [loss, *torch.autograd.grad(loss, (maps, batch.point_feats))]

    def with_grad(means: Tensor) -> Sequence[Tensor]:
        return [means, *torch.autograd.grad(means, batch.maps, grad)]

    full, small = batch.maps, batch.small_maps
    head = PixelProjection(_NUM_CHANNELS, None)
    return [
        Case(
            "superpixel_pooling",
            _REFERENCE,
            lambda: with_grad(pool_pixels(full, ids, num)[0]),
            lambda: with_grad(one_hot_means(as_rows(full), ids.flatten(), num)),
        ),
        Case(
            "superpixel_loss",
            _REFERENCE,
            lambda: ours(pool_pixels(full, ids, num)[0], full),
            lambda: theirs(full, full),
        ),
        Case(
            "superpixel_loss/upsampled",
            f"upsampling of all views, {_REFERENCE}",
            lambda: ours(head.pool(small, ids, num)[0], small),
            lambda: theirs(upsample(small, (ids.shape[1], ids.shape[2])), small),
        ),
    ]


def one_hot_means(feats: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """Average rows with a sparse one-hot matrix, as in the training code of SLidR.

    Args:
        feats: Features, shape (P, C).
        ids: Segment of each row, all >= 0, shape (P,).
        num_segments: Number of segments S.

    Returns:
        Means, shape (S, C).
    """
    indices = torch.stack((ids, torch.arange(len(ids), device=ids.device)))
    ones = torch.ones(len(ids), device=ids.device)
    one_hot = torch.sparse_coo_tensor(
        indices, ones, (num_segments, len(ids)), check_invariants=False
    )
    return one_hot @ feats / (torch.sparse.sum(one_hot, 1).to_dense()[:, None] + 1e-6)


def as_rows(maps: Tensor) -> Tensor:
    """Flatten maps (V, C, H, W) to rows (V * H * W, C)."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
