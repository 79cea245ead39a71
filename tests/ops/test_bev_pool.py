"""Pooling of frustum features against the definition in loops."""

import pytest
import torch
from torch import Tensor

from perception_kd.ops import bev_pool, index_cells

NUM_CELLS = 7
SHAPE = (2, 3, 4, 5)  # V, D, h, w
CHANNELS = 6


def make_inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(SHAPE, generator=generator, dtype=torch.float64).to(dtype)
    num_views, _, height, width = SHAPE
    feats = torch.randn(num_views, CHANNELS, height, width, generator=generator).to(dtype)
    # Cell 4 stays empty.
    cells = torch.randint(-1, NUM_CELLS, SHAPE, generator=generator)
    return probs, feats, torch.where(cells == 4, -1, cells)


def pool_in_loops(probs: Tensor, feats: Tensor, cells: Tensor) -> Tensor:
    sums = [torch.zeros(CHANNELS, dtype=torch.float64) for _ in range(NUM_CELLS)]
    num_views, num_depths, height, width = SHAPE
    for v in range(num_views):
        for d in range(num_depths):
            for i in range(height):
                for j in range(width):
                    cell = int(cells[v, d, i, j])
                    if cell >= 0:
                        sums[cell] = sums[cell] + probs[v, d, i, j] * feats[v, :, i, j]
    return torch.stack(sums)


def test_equals_the_definition_in_loops_with_both_gradients() -> None:
    probs, feats, cells = make_inputs()
    arguments = probs.requires_grad_(), feats.requires_grad_()
    ours = bev_pool(*arguments, index_cells(cells, NUM_CELLS))
    expected = pool_in_loops(*arguments, cells)
    torch.testing.assert_close(ours, expected)
    grad = torch.randn(NUM_CELLS, CHANNELS, dtype=torch.float64)
    torch.testing.assert_close(
        torch.autograd.grad(ours, arguments, grad), torch.autograd.grad(expected, arguments, grad)
    )
    assert (ours[4] == 0).all()


def test_gradient() -> None:
    probs, feats, cells = make_inputs()
    index = index_cells(cells, NUM_CELLS)
    arguments = (probs.requires_grad_(), feats.requires_grad_())
    assert torch.autograd.gradcheck(lambda p, f: bev_pool(p, f, index), arguments)


def test_points_off_the_grid_are_ignored() -> None:
    probs, feats, cells = make_inputs()
    probs.requires_grad_()
    bev_pool(probs, feats, index_cells(cells, NUM_CELLS)).sum().backward()
    assert probs.grad is not None
    assert (probs.grad[cells < 0] == 0).all()
    assert (probs.grad[cells >= 0] != 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(dtype: torch.dtype) -> None:
    # In half precision a sum of 4096 ones would stop at 2048 (or at 256).
    probs = torch.ones(1, 64, 8, 8, dtype=dtype, requires_grad=True)
    feats = torch.ones(1, 2, 8, 8, dtype=dtype, requires_grad=True)
    index = index_cells(torch.zeros(1, 64, 8, 8, dtype=torch.long), num_cells=1)
    sums = bev_pool(probs, feats, index)
    assert sums.dtype == torch.float32
    assert sums.tolist() == [[4096.0, 4096.0]]
    sums.sum().backward()
    assert probs.grad is not None
    assert feats.grad is not None
    assert (probs.grad.dtype, feats.grad.dtype) == (dtype, dtype)
    assert (probs.grad == 2).all()
    assert (feats.grad == 64).all()


def test_autocast_does_not_change_the_sums() -> None:
    probs, feats, cells = make_inputs(torch.float32)
    index = index_cells(cells, NUM_CELLS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = bev_pool(probs, feats, index)
    assert torch.equal(inside, bev_pool(probs, feats, index))


def test_repeated_runs_agree_at_any_number_of_threads() -> None:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(2, 40, 16, 24, generator=generator).requires_grad_()
    feats = torch.randn(2, 16, 16, 24, generator=generator).requires_grad_()
    cells = torch.randint(-1, 200, probs.shape, generator=generator)
    grad = torch.randn(200, 16, generator=generator)
    results = []
    threads = torch.get_num_threads()
    try:
        for num in (1, 2, 2):
            torch.set_num_threads(num)
            sums = bev_pool(probs, feats, index_cells(cells, 200))
            results.append([sums, *torch.autograd.grad(sums, (probs, feats), grad)])
    finally:
        torch.set_num_threads(threads)
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            assert torch.equal(first, other)


def test_frusta_beyond_the_grid_give_zero_with_a_gradient() -> None:
    probs, feats, cells = make_inputs()
    probs.requires_grad_()
    sums = bev_pool(probs, feats, index_cells(torch.full_like(cells, -1), NUM_CELLS))
    assert (sums == 0).all()
    sums.sum().backward()
    assert probs.grad is not None
    assert (probs.grad == 0).all()


def test_no_view_gives_zero() -> None:
    cells = torch.zeros(0, 3, 4, 5, dtype=torch.long)
    index = index_cells(cells, NUM_CELLS)
    assert bev_pool(torch.zeros(0, 3, 4, 5), torch.zeros(0, 6, 4, 5), index).shape == (7, 6)


def test_rejects_cells_beyond_the_last_and_shapes_that_differ() -> None:
    probs, feats, cells = make_inputs()
    with pytest.raises(ValueError, match=r"cells must be in -1\.\.4, but got -1\.\.6"):
        index_cells(cells, 5)
    index = index_cells(cells, NUM_CELLS)
    with pytest.raises(ValueError, match=r"depth_probs must have shape \(2, 3, 4, 5\)"):
        bev_pool(probs[:, :2], feats, index)
    with pytest.raises(ValueError, match=r"feats must have shape \(2, C, 4, 5\)"):
        bev_pool(probs, feats[:1], index)


@pytest.mark.gpu
def test_a_gpu_gives_what_a_cpu_gives() -> None:
    probs, feats, cells = make_inputs(torch.float32)
    results = []
    for device in ("cpu", "cuda"):
        arguments = [x.detach().to(device).requires_grad_() for x in (probs, feats)]
        sums = bev_pool(arguments[0], arguments[1], index_cells(cells.to(device), NUM_CELLS))
        results.append([sums, *torch.autograd.grad(sums.square().sum(), arguments)])
    for on_cpu, on_gpu in zip(*results, strict=True):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu)
