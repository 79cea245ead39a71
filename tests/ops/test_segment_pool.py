"""Pooling over segments against hand-made values, loops and sparse one-hot matrices."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.ops import pool_pixels, pool_segments, pool_upsampled
from perception_kd.ops.segment_pool import weigh_cells

VIEWS, CHANNELS, HEIGHT, WIDTH, NUM = 3, 4, 6, 10, 12


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def grad_of(tensor: Any) -> Tensor:
    """Return the gradient, which has to be there."""
    assert tensor.grad is not None
    return tensor.grad


def make_maps(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(VIEWS, CHANNELS, HEIGHT, WIDTH, dtype=dtype, requires_grad=True)


def make_superpixels() -> Tensor:
    """Draw ids with gaps: 3 occurs in all views, 5 and the last nowhere, -1 often."""
    ids = torch.randint(-1, NUM - 1, (VIEWS, HEIGHT, WIDTH))
    ids[ids == 5] = -1
    ids[:, 0, 0] = 3
    return ids


def one_hot_means(feats: Tensor, ids: Tensor, num: int) -> Tensor:
    """Average as SLidR does, by a sparse one-hot matrix over all rows."""
    valid = torch.nonzero(ids >= 0).squeeze(1)
    one_hot = torch.sparse_coo_tensor(
        torch.stack((ids[valid], valid)), torch.ones(len(valid), dtype=feats.dtype), (num, len(ids))
    )
    return one_hot @ feats / (torch.sparse.sum(one_hot, 1).to_dense()[:, None] + 1e-6)


def as_rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def test_segments_by_hand() -> None:
    # Segment 0: (1 + 5) / 2, (2 + 6) / 2; none in 1; 3 and 4 in 2; 7 and 8 ignored.
    feats = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    means, counts = pool_segments(feats, torch.tensor([0, 2, 0, -1]), num_segments=3)
    assert means.tolist() == [[3.0, 4.0], [0.0, 0.0], [3.0, 4.0]]
    assert counts.tolist() == [2, 0, 1]


def test_pixels_by_hand() -> None:
    # Superpixel 1 has the pixels 1 and 2 of the first view and 10 of the second.
    maps = torch.tensor([[[[1.0, 2.0, 3.0]]], [[[10.0, 20.0, 30.0]]]])
    superpixels = torch.tensor([[[1, 1, -1]], [[1, 0, 0]]])
    means, counts = pool_pixels(maps, superpixels, num_superpixels=2)
    torch.testing.assert_close(means, torch.tensor([[25.0], [13.0 / 3]]))
    assert counts.tolist() == [2, 3]


def test_segments_equal_means_by_loops() -> None:
    feats, ids = torch.randn(50, 3), torch.randint(-1, 7, (50,))
    means, counts = pool_segments(feats, ids, 8)
    for segment in range(8):
        members = [feat for feat, own in zip(feats, ids.tolist(), strict=True) if own == segment]
        expected = sum(members, torch.zeros(3)) / max(len(members), 1)
        torch.testing.assert_close(means[segment], expected)
        assert counts[segment] == len(members)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_pixels_equal_sparse_one_hot_matrices(
    memory_format: torch.memory_format, dtype: torch.dtype
) -> None:
    maps, superpixels = make_maps(), make_superpixels().to(dtype)
    leaf = maps.detach().clone(memory_format=memory_format).requires_grad_()
    means, counts = pool_pixels(leaf, superpixels, NUM)
    expected = one_hot_means(as_rows(maps), superpixels.flatten().long(), NUM)
    torch.testing.assert_close(means, expected, rtol=1e-5, atol=1e-5)
    assert counts.tolist() == [int((superpixels == s).sum()) for s in range(NUM)]

    grad = torch.randn_like(means)
    means.backward(grad)
    expected.backward(grad)
    torch.testing.assert_close(grad_of(leaf), grad_of(maps), rtol=1e-5, atol=1e-5)


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge and normalize as SLidR does."""
    upsampled = F.interpolate(maps, size, mode="bilinear", align_corners=True)
    return F.normalize(upsampled, dim=1)


def pool_enlarged(maps: Tensor, superpixels: Tensor, num: int) -> tuple[Tensor, Tensor]:
    return pool_upsampled(maps, superpixels, num, enlarge)


def plain_upsampled(maps: Tensor, superpixels: Tensor, num: int) -> tuple[Tensor, Tensor]:
    upsampled = F.interpolate(maps, scale_factor=4, mode="bilinear", align_corners=True)
    return pool_segments(as_rows(F.normalize(upsampled, dim=1)), superpixels.flatten(), num)


def test_upsampled_equals_enlarging_then_pooling() -> None:
    maps = make_maps()
    superpixels = torch.randint(-1, NUM, (VIEWS, 4 * HEIGHT, 4 * WIDTH))
    leaf = maps.detach().clone().requires_grad_()
    means, counts = pool_enlarged(leaf, superpixels, NUM)
    expected, expected_counts = plain_upsampled(maps, superpixels, NUM)
    torch.testing.assert_close(means, expected)
    assert torch.equal(counts, expected_counts)

    grad = torch.randn_like(means)
    means.backward(grad)
    expected.backward(grad)
    torch.testing.assert_close(grad_of(leaf), grad_of(maps))


def test_maps_are_enlarged_as_asked() -> None:
    def repeat(feats: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(feats, size, mode="nearest")

    maps, superpixels = make_maps(), make_superpixels()
    blocks = superpixels.repeat_interleave(2, dim=1).repeat_interleave(3, dim=2)
    means, counts = pool_upsampled(maps, blocks, NUM, repeat)
    # Each pixel six times: the same means, without a norm.
    expected, expected_counts = pool_pixels(maps, superpixels, NUM)
    torch.testing.assert_close(means, expected)
    assert torch.equal(counts, 6 * expected_counts)


def test_views_are_enlarged_one_by_one() -> None:
    sizes = []

    def watch(feats: Tensor, size: tuple[int, int]) -> Tensor:
        sizes.append((len(feats), size))
        return enlarge(feats, size)

    means, _ = pool_upsampled(make_maps(), make_superpixels(), NUM, watch)
    assert sizes == [(1, (HEIGHT, WIDTH))] * VIEWS
    means.sum().backward()
    assert sizes == [(1, (HEIGHT, WIDTH))] * 2 * VIEWS


def test_convention_features_are_normalized_after_upsampling() -> None:
    # Between (1, 0) and (0, 3) the middle pixel is (1/2, 3/2); of unit length it leans
    # to the longer one, which it would not if they had been normalized first.
    maps = torch.tensor([[1.0, 0.0], [0.0, 3.0]]).reshape(1, 2, 1, 2)
    means, _ = pool_enlarged(maps, torch.tensor([[[-1, 0, -1]]]), 1)
    torch.testing.assert_close(means, torch.tensor([[1.0, 3.0]]) / 10**0.5)


def test_pixels_do_not_depend_on_how_views_are_batched() -> None:
    maps, superpixels = make_maps(), make_superpixels()
    order = torch.tensor([2, 0, 1])
    means, _ = pool_pixels(maps[order], superpixels[order], NUM)
    torch.testing.assert_close(means, pool_pixels(maps, superpixels, NUM)[0])


@pytest.mark.parametrize("pool", [pool_pixels, pool_enlarged])
def test_gradients_in_double_precision(pool: Callable[..., tuple[Tensor, Tensor]]) -> None:
    superpixels = make_superpixels()
    assert torch.autograd.gradcheck(
        lambda maps: pool(maps, superpixels, NUM)[0], make_maps(torch.double)
    )


def test_gradient_of_segments_in_double_precision() -> None:
    feats = torch.randn(9, 3, dtype=torch.double, requires_grad=True)
    ids = torch.tensor([0, 0, 3, -1, 2, 2, 2, -1, 0])
    assert torch.autograd.gradcheck(lambda x: pool_segments(x, ids, 5)[0], feats)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_half_features_are_summed_in_float(memory_format: torch.memory_format) -> None:
    # In bfloat16, 256 + 1 is 256: a sum of more than 256 ones would get stuck.
    maps = torch.ones(1, 2, 40, 50, dtype=torch.bfloat16, requires_grad=True)
    leaf = maps.detach().clone(memory_format=memory_format).requires_grad_()
    superpixels = torch.zeros(1, 40, 50, dtype=torch.long)
    with torch.autocast("cpu", torch.bfloat16):
        means, _ = pool_pixels(leaf, superpixels, 1)
        rows, _ = pool_segments(as_rows(leaf), superpixels.flatten(), 1)
        upsampled, _ = pool_enlarged(leaf, superpixels, 1)
    means.sum().backward()

    assert means.dtype == rows.dtype == upsampled.dtype == torch.float32
    assert means.tolist() == rows.tolist() == [[1.0, 1.0]]
    torch.testing.assert_close(upsampled, torch.full((1, 2), 0.5**0.5))
    assert grad_of(leaf).dtype == torch.bfloat16
    torch.testing.assert_close(grad_of(leaf).float(), torch.full_like(maps, 1 / 2000).float())


def test_repeats_are_bit_identical() -> None:
    maps, superpixels = torch.randn(2, 16, 60, 80), torch.randint(0, 9, (2, 60, 80))
    first, _ = pool_pixels(maps, superpixels, 9)
    assert all(torch.equal(pool_pixels(maps, superpixels, 9)[0], first) for _ in range(20))


def test_nothing_to_pool_gives_zeros_with_a_gradient() -> None:
    feats = torch.zeros(0, 3, requires_grad=True)
    means, counts = pool_segments(feats, torch.zeros(0, dtype=torch.long), 2)
    means.sum().backward()
    assert torch.equal(means, torch.zeros(2, 3))
    assert counts.tolist() == [0, 0]

    maps = make_maps()
    for pool in (pool_pixels, pool_enlarged):
        means, counts = pool(maps, torch.full((VIEWS, HEIGHT, WIDTH), -1), 2)
        means.sum().backward()
        assert torch.equal(means, torch.zeros(2, CHANNELS))
        assert torch.count_nonzero(grad_of(maps)) == 0
        assert pool(maps, torch.full((VIEWS, HEIGHT, WIDTH), -1), 0)[0].shape == (0, CHANNELS)


@pytest.mark.parametrize("bad", [-2, NUM])
def test_rejects_ids_out_of_range(bad: int) -> None:
    superpixels = torch.zeros(VIEWS, HEIGHT, WIDTH, dtype=torch.long)
    superpixels[0, 0, 0] = bad
    message = rf"Segment ids must be in -1\.\.{NUM - 1}, but got .*{bad}"
    for pool in (pool_pixels, pool_enlarged):
        with pytest.raises(ValueError, match=message):
            pool(make_maps(), superpixels, NUM)
    with pytest.raises(ValueError, match=message):
        pool_segments(torch.zeros(60, 2), superpixels[0].flatten(), NUM)


def test_rejects_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"segment_ids must have shape \(5,\), but got \(4,\)"):
        pool_segments(torch.zeros(5, 2), torch.zeros(4, dtype=torch.long), 1)
    with pytest.raises(ValueError, match=r"superpixels must have shape \(3, 6, 10\), but got"):
        pool_pixels(make_maps(), torch.zeros(3, 6, 9, dtype=torch.long), 1)
    with pytest.raises(ValueError, match=r"superpixels must have shape \(3, H, W\), but got"):
        pool_enlarged(make_maps(), torch.zeros(2, 6, 10, dtype=torch.long), 1)


@pytest.mark.parametrize("align_corners", [False, True])
def test_weights_of_cells_give_the_means_over_superpixels(align_corners: bool) -> None:
    def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(maps, size, mode="bilinear", align_corners=align_corners)

    small, superpixels = torch.randn(VIEWS, CHANNELS, 3, 4), make_superpixels()
    for view in range(VIEWS):
        weights = weigh_cells(superpixels[view], NUM, (3, 4), enlarge)
        maps = enlarge(small[view : view + 1], (HEIGHT, WIDTH))
        expected, counts = pool_pixels(maps, superpixels[view : view + 1], NUM)
        means = weights.flatten(1) @ small[view].flatten(1).T
        torch.testing.assert_close(means, expected)
        torch.testing.assert_close(weights.sum(dim=(1, 2)), (counts > 0).float())
