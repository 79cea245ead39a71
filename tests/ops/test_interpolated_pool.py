"""Pooling of interpolated features, by hand and against enlarged maps."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.heads.pixel_projection import PixelProjection
from perception_kd.ops import pool_pixels
from perception_kd.ops.interpolated_pool import pool_interpolated
from tests.ops.test_segment_pool import grad_of

HEADS: dict[str, dict[str, Any]] = {
    "published": {},
    "tiles": {"align_corners": False},
    "offset": {"align_corners": False, "cell_offset": 2.0},
    "without_norm": {"normalize": False},
}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make_ids(views: int, rows: int, cols: int, per_view: int) -> Tensor:
    """Draw superpixels, other ones in each view, and none for some pixels."""
    ids = torch.randint(0, per_view, (views, rows, cols))
    ids += per_view * torch.arange(views)[:, None, None]
    return ids.masked_fill(torch.rand(ids.shape) < 0.2, -1)


@pytest.mark.parametrize("size", [(3, 5), (1, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_pools_as_it_enlarges(kind: str, size: tuple[int, int]) -> None:
    head = PixelProjection(6, 8, **HEADS[kind])
    feats = torch.randn(3, 6, *size, requires_grad=True)
    ids = make_ids(3, 4 * size[0] - 1, 4 * size[1] - 2, per_view=7)
    means, counts = head.pool(feats, ids, 25)
    expected, expected_counts = pool_pixels(head(feats, (ids.shape[1], ids.shape[2])), ids, 25)
    torch.testing.assert_close(means, expected, rtol=1e-5, atol=2e-6)
    assert torch.equal(counts, expected_counts)

    weight = torch.randn_like(means)
    inputs = [feats, *head.parameters()]
    ours = torch.autograd.grad((means * weight).sum(), inputs)
    theirs = torch.autograd.grad((expected * weight).sum(), inputs)
    for gradient, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5)


def test_a_pixel_between_two_cells_by_hand() -> None:
    # Between (1, 0) and (0, 3) the middle pixel is (1/2, 3/2), of length sqrt(10) / 2.
    maps = torch.tensor([[1.0, 0.0], [0.0, 3.0]]).reshape(1, 2, 1, 2)
    cells = torch.tensor([0.0]), torch.tensor([0.0, 0.5, 1.0])
    means, counts = pool_interpolated(maps, torch.tensor([[[-1, 0, 1]]]), 3, cells)
    torch.testing.assert_close(means[0], torch.tensor([1.0, 3.0]) / 10**0.5)
    assert means[1:].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert counts.tolist() == [1, 1, 0]


def test_opposite_cells_keep_their_direction() -> None:
    # 0.4999 of one and 0.5001 of the other leave 2e-4 of unit length.
    maps = torch.tensor([[[[1.0, -1.0]], [[0.3, -0.3]]]])
    cells = torch.tensor([0.0]), torch.tensor([0.4999, 0.5001])
    means, _ = pool_interpolated(maps, torch.tensor([[[0, 1]]]), 2, cells)
    direction = F.normalize(torch.tensor([1.0, 0.3]), dim=0)
    torch.testing.assert_close(means, torch.stack([direction, -direction]), rtol=0, atol=1e-3)


def test_zero_features_stay_zero_with_finite_gradients() -> None:
    maps = torch.zeros(1, 3, 2, 2, requires_grad=True)
    cells = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])
    means, _ = pool_interpolated(maps, torch.zeros(1, 2, 2, dtype=torch.long), 1, cells)
    means.sum().backward()
    assert means.tolist() == [[0.0, 0.0, 0.0]]
    assert grad_of(maps).isfinite().all()


def test_superpixels_may_span_views_and_come_in_any_order() -> None:
    ids = torch.tensor([[[9, 0]], [[-1, -1]], [[4, 9]]])
    maps = torch.randn(3, 5, 1, 2)
    cells = torch.tensor([0.0]), torch.tensor([0.0, 1.0])
    means, counts = pool_interpolated(maps, ids, 10, cells)
    expected, expected_counts = pool_pixels(F.normalize(maps, dim=1), ids, 10)
    torch.testing.assert_close(means, expected)
    assert torch.equal(counts, expected_counts)


def test_half_precision_is_summed_in_single() -> None:
    maps, ids = torch.randn(2, 8, 3, 4).half(), make_ids(2, 9, 12, per_view=2)
    cells = torch.linspace(0, 2, 9), torch.linspace(0, 3, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means, _ = pool_interpolated(maps, ids, 4, cells)
    assert means.dtype == torch.float32
    torch.testing.assert_close(means, pool_interpolated(maps.float(), ids, 4, cells)[0])


def test_wrong_shapes_and_ids_are_refused() -> None:
    maps, cells = torch.zeros(1, 2, 2, 2), (torch.zeros(3), torch.zeros(4))
    with pytest.raises(ValueError, match=r"superpixels must have shape"):
        pool_interpolated(maps, torch.zeros(1, 4, 3, dtype=torch.long), 1, cells)
    with pytest.raises(ValueError, match=r"must be in -1\.\.0, but got 1\.\.1"):
        pool_interpolated(maps, torch.ones(1, 3, 4, dtype=torch.long), 1, cells)
    with pytest.raises(ValueError, match=r"size must be at most \(8, 8\)"):
        PixelProjection(2, 4).pool(maps, torch.zeros(1, 9, 8, dtype=torch.long), 1)
