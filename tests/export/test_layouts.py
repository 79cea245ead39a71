"""Kernels of other stacks, against convolutions written as loops over coordinates."""

import itertools
from collections.abc import Iterable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.export.weights.layouts import (
    DECONV,
    MINKOWSKI,
    MINKOWSKI_5,
    SPCONV1,
    SPCONV1_XYZ,
    SPCONV2_XYZ,
    SPCONV2_XYZ_5,
    Layout,
    crop_kernel,
    pad_kernel,
    swap_xy,
)

LAYOUTS = (MINKOWSKI, MINKOWSKI_5, SPCONV1, SPCONV1_XYZ, SPCONV2_XYZ, SPCONV2_XYZ_5)


def random_kernel(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 0.5


def minkowski_offsets(edge: int) -> Iterable[tuple[int, int, int]]:
    """Yield the offsets (x, y, z) of a kernel in the order of MinkowskiEngine's.

    kernel_region.hpp: the index modulo the size is the offset along the first axis, and
    so on; offsets of odd sizes are around the center, those of even sizes begin at 0.
    """
    for index in range(edge**3):
        offset, rest = [], index
        for _ in range(3):
            offset.append(rest % edge - (edge // 2 if edge % 2 else 0))
            rest //= edge
        yield offset[0], offset[1], offset[2]


@pytest.mark.parametrize("edge", [1, 2, 3])
def test_convention_minkowski_kernels_count_along_x_first(edge: int) -> None:
    kernel = random_kernel(4, edge, edge, edge, 3)
    flat = MINKOWSKI.to_theirs(kernel)
    assert flat.shape == ((3, 4) if edge == 1 else (edge**3, 3, 4))
    grid = random_kernel(3, 6, 6, 6)  # C, z, y, x
    stride = 1 if edge % 2 else 2
    padding = edge // 2 if edge % 2 else 0
    dense = F.conv3d(grid[None], kernel.permute(0, 4, 1, 2, 3), stride=stride, padding=padding)[0]
    for z, y, x in ((2, 2, 4), (4, 2, 2)):
        expected = torch.zeros(4)
        for weight, (dx, dy, dz) in zip(flat.view(-1, 3, 4), minkowski_offsets(edge), strict=True):
            expected += grid[:, z + dz, y + dy, x + dx] @ weight
        torch.testing.assert_close(dense[:, z // stride, y // stride, x // stride], expected)


def test_a_kernel_of_x_y_z_convolves_a_grid_of_x_y_z_alike() -> None:
    kernel, grid = random_kernel(4, 3, 1, 2, 3), random_kernel(3, 5, 6, 7)
    zyx = F.conv3d(grid[None], kernel.permute(0, 4, 1, 2, 3))
    swapped = SPCONV2_XYZ.to_theirs(kernel).permute(0, 4, 1, 2, 3)
    xyz = F.conv3d(grid.permute(0, 3, 2, 1)[None], swapped)
    torch.testing.assert_close(xyz.permute(0, 1, 4, 3, 2), zyx)


def test_a_map_of_x_y_is_convolved_alike() -> None:
    kernel, bev = random_kernel(4, 3, 3, 2), random_kernel(3, 5, 6)
    there = F.conv2d(bev.mT[None], swap_xy(kernel))
    torch.testing.assert_close(there.mT, F.conv2d(bev[None], kernel))


def test_a_convolution_of_one_cell_is_a_transposed_one() -> None:
    kernel, bev = random_kernel(4, 3, 1, 1), random_kernel(1, 3, 5, 6)
    there = F.conv_transpose2d(bev, DECONV.to_theirs(kernel))
    torch.testing.assert_close(there, F.conv2d(bev, kernel))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_there_and_back_is_the_same_kernel(layout: Layout) -> None:
    kernel = random_kernel(4, 3, 3, 3, 6)
    assert torch.equal(layout.to_ours(layout.to_theirs(kernel), kernel.shape), kernel)


def test_a_kernel_of_spconv_2_is_read_as_well_as_one_of_spconv_1() -> None:
    kernel = random_kernel(4, 3, 1, 1, 6)
    assert torch.equal(SPCONV1.to_ours(kernel, kernel.shape), kernel)
    there = kernel.transpose(1, 3)
    assert torch.equal(SPCONV1_XYZ.to_ours(there, kernel.shape), kernel)


def test_zeros_around_a_kernel_change_no_result() -> None:
    kernel, grid = random_kernel(4, 3, 3, 3, 2), random_kernel(2, 6, 6, 6)
    padded = pad_kernel(kernel, 5)
    results = [
        F.conv3d(grid[None], each.permute(0, 4, 1, 2, 3), padding=each.shape[1] // 2)
        for each in (kernel, padded)
    ]
    torch.testing.assert_close(*results)
    assert torch.equal(crop_kernel(padded, 3), kernel)


def test_a_larger_kernel_that_reads_its_border_is_not_cut() -> None:
    kernel = random_kernel(4, 5, 5, 5, 2)
    assert crop_kernel(kernel, 3).shape == kernel.shape
    flat = MINKOWSKI.to_theirs(kernel)
    assert MINKOWSKI_5.to_ours(flat, (4, 3, 3, 3, 2)).shape == kernel.shape


def test_all_offsets_of_a_kernel_occur_once() -> None:
    assert sorted(minkowski_offsets(3)) == list(itertools.product((-1, 0, 1), repeat=3))
