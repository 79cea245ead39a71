"""Find the voxels that a sparse convolution joins, by sorting their positions."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Kernel(NamedTuple):
    """Extent and steps of a convolution, each along every axis.

    Attributes:
        size: Cells of the kernel.
        stride: Step between output cells, in input cells.
        padding: Cells added at both ends of the input.
        dilation: Step between kernel cells, in input cells.
        output_padding: Cells added at the far end of a transposed convolution's output.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]


class Rulebook(NamedTuple):
    """Input voxel of each output voxel and kernel offset, and the reverse.

    Offsets count in row-major order, as the weights of the kernel lie in memory.

    Attributes:
        kernel: The convolution.
        is_submanifold: Whether the output voxels are the input voxels.
        in_coors: (sample, position) of the input voxels, int32, shape (K_in, 1 + D).
        out_coors: The same of the output voxels, shape (K_out, 1 + D).
        in_shape: Number of input cells along every axis.
        out_shape: Number of output cells along every axis.
        sources: Row of the input voxel that an output voxel reads, K_in where there is
            none, int64, shape (K_out, kernel offsets).
        targets: Row of the output voxel that reads an input voxel, K_out where there is
            none, int64, shape (K_in, kernel offsets).
        pairs: On a CPU, the same as rows that each offset joins, (input, output),
            int64, shape (2, kernel offsets, most pairs of an offset); filled from the
            front.
        num_pairs: On a CPU, number of pairs of each offset, int64.
    """

    kernel: Kernel
    is_submanifold: bool
    in_coors: Tensor
    out_coors: Tensor
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    sources: Tensor
    targets: Tensor
    pairs: Tensor | None
    num_pairs: Tensor | None


def submanifold_rulebook(coors: Tensor, shape: Sequence[int], kernel: Kernel) -> Rulebook:
    """Find the neighbors of every voxel; output voxels are the input voxels.

    Nothing is read back from the device. Voxels have to be distinct and in range; on a
    CPU others raise. On other devices, where asking would stop the queue, the first of
    equal voxels counts, and the features of the others are zeros.

    Args:
        coors: (sample, position) of the voxels, int32, shape (K, 1 + D).
        shape: Number of cells along every axis.
        kernel: The convolution; its size is odd, and stride and padding have no effect.

    Returns:
        The rulebook.

    Raises:
        ValueError: On a CPU, if voxels are outside of the shape or listed twice.
    """
    _check_voxels(coors, shape)
    centers = [
        size // 2 * dilation for size, dilation in zip(kernel.size, kernel.dilation, strict=True)
    ]
    # With cells around the grid for the kernel, an offset is the same step everywhere.
    padded = [size + 2 * center for size, center in zip(shape, centers, strict=True)]
    shifted = [coors[:, 1 + i] + center for i, center in enumerate(centers)]
    key = _linear([coors[:, 0].long(), *shifted], padded)
    steps = _kernel_positions(kernel, coors.device)
    step = _linear([0, *(s - c for s, c in zip(steps, centers, strict=True))], padded)

    # An offset before the center finds the pairs of the one as far behind it, too.
    half, num = len(step) // 2, len(coors)
    ordered, order = key.sort(stable=True)
    wanted = ordered[:, None] + step[:half]
    found = torch.searchsorted(ordered, wanted)
    # Beyond the last voxel lies a key that nothing asks for.
    is_hit = F.pad(ordered, (0, 1), value=-1)[found] == wanted
    is_first = _is_first(ordered)[:, None]
    before = torch.where(is_hit & is_first, F.pad(order, (0, 1))[found], num)
    sorted_rows = torch.cat((before, torch.where(is_first, order[:, None], num)), dim=1)
    rows = torch.empty_like(sorted_rows).index_copy_(0, order, sorted_rows)
    readers = torch.arange(num, device=coors.device)[:, None].expand(num, half)
    # Row K takes what reads nothing.
    after = rows.new_full((num + 1, half), num).scatter_(0, rows[:, :half], readers)[:num]
    sources = torch.cat((rows, after.flip(1)), dim=1)
    cells = tuple(shape)
    return _with_pairs(
        Rulebook(kernel, True, coors, coors, cells, cells, sources, sources.flip(1), None, None)
    )


def strided_rulebook(
    coors: Tensor, shape: Sequence[int], batch_size: int, kernel: Kernel, transposed: bool
) -> Rulebook:
    """Find the output voxels, which are all that an input voxel reaches, and the pairs.

    Their number is read back from the device, once, since it is the shape of the
    output. Equal voxels are treated as in :func:`submanifold_rulebook`.

    Args:
        coors: (sample, position) of the voxels, int32, shape (K, 1 + D).
        shape: Number of cells along every axis.
        batch_size: Number of samples.
        kernel: The convolution.
        transposed: Whether the stride is one of output cells instead.

    Returns:
        The rulebook; output voxels are in the order of sample and position.

    Raises:
        ValueError: If the output has no cell, or, on a CPU, if voxels are outside of
            the shape or listed twice.
    """
    _check_voxels(coors, shape)
    out_shape = _output_shape(shape, kernel, transposed)
    steps = _kernel_positions(kernel, coors.device)
    reached = _first_rows(coors, shape)[:, None]
    positions = []
    for axis, cells in enumerate(out_shape):
        place, step = coors[:, 1 + axis, None].long(), steps[axis]
        stride, padding = kernel.stride[axis], kernel.padding[axis]
        if transposed:
            place = place * stride - padding + step
        else:
            place = place + padding - step
            reached = reached & (place % stride == 0)
            place = torch.div(place, stride, rounding_mode="floor")
        reached = reached & (place >= 0) & (place < cells)
        positions.append(place)
    num_cells = batch_size * math.prod(out_shape)
    key = torch.where(reached, _linear([coors[:, :1].long(), *positions], out_shape), num_cells)

    # The last cell of the sorted list is that of no output.
    out_cells = F.pad(key.flatten(), (0, 1), value=num_cells).unique()[:-1]
    targets = torch.searchsorted(out_cells, key)
    num_offsets, num_in, num_out = key.shape[1], len(coors), len(out_cells)
    offsets = torch.arange(num_offsets, device=coors.device)
    slots = torch.where(reached, targets * num_offsets + offsets, num_out * num_offsets)
    rows = torch.arange(num_in, device=coors.device)[:, None].expand_as(slots)
    sources = key.new_full((num_out * num_offsets + 1,), num_in)
    sources = sources.scatter_(0, slots.flatten(), rows.flatten())[:-1]
    out_coors = _positions(out_cells, out_shape)
    return _with_pairs(
        Rulebook(
            kernel, False, coors, out_coors, tuple(shape), out_shape,
            sources.view(num_out, num_offsets), targets, None, None,
        )
    )  # fmt: skip


def _output_shape(shape: Sequence[int], kernel: Kernel, transposed: bool) -> tuple[int, ...]:
    """Count the output cells along every axis, as dense convolutions do."""
    out_shape = []
    for cells, size, stride, padding, dilation, extra in zip(shape, *kernel, strict=True):
        reach = dilation * (size - 1) + 1
        if transposed:
            out_shape.append((cells - 1) * stride - 2 * padding + reach + extra)
        else:
            out_shape.append((cells + 2 * padding - reach) // stride + 1)
    if min(out_shape) < 1:
        raise ValueError(
            f"A sparse convolution of {tuple(shape)} cells with kernel {kernel.size}, stride "
            f"{kernel.stride}, padding {kernel.padding} and dilation {kernel.dilation} has "
            f"{tuple(out_shape)} output cells; each must be at least 1."
        )
    return tuple(out_shape)


def _kernel_positions(kernel: Kernel, device: torch.device) -> list[Tensor]:
    """Return the input cells from the first kernel cell to each, along every axis."""
    axes = [torch.arange(size, device=device) for size in kernel.size]
    grids = torch.meshgrid(*axes, indexing="ij")
    return [grid.flatten() * step for grid, step in zip(grids, kernel.dilation, strict=True)]


def _linear(parts: Sequence[Tensor | int], shape: Sequence[int]) -> Tensor:
    """Number cells in row-major order; the first part counts samples."""
    number, *positions = parts
    for position, cells in zip(positions, shape, strict=True):
        number = number * cells + position
    assert isinstance(number, Tensor)
    return number


def _positions(cells: Tensor, shape: Sequence[int]) -> Tensor:
    """Undo :func:`_linear`: (sample, position), int32, shape (K, 1 + D)."""
    columns = []
    for size in reversed(shape):
        columns.append(cells % size)
        cells = torch.div(cells, size, rounding_mode="floor")
    return torch.stack([cells, *reversed(columns)], dim=1).int()


def _first_rows(coors: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the mask of the first occurrence of each voxel, shape (K,)."""
    key = _linear([coors[:, 0].long(), *coors[:, 1:].unbind(1)], shape)
    ordered, order = key.sort(stable=True)
    return torch.empty_like(order, dtype=torch.bool).index_copy_(0, order, _is_first(ordered))


def _is_first(ordered: Tensor) -> Tensor:
    """Return the mask of sorted values that differ from the one before, shape (K,)."""
    return torch.cat((torch.ones_like(ordered[:1], dtype=torch.bool), ordered[1:] != ordered[:-1]))


def _check_voxels(coors: Tensor, shape: Sequence[int]) -> None:
    """Refuse voxels out of range or listed twice, where that does not stop a queue."""
    if coors.device.type != "cpu" or len(coors) == 0:
        return
    low, high = coors.amin(0)[1:].tolist(), coors.amax(0)[1:].tolist()
    if min(low) < 0 or any(top >= cells for top, cells in zip(high, shape, strict=True)):
        raise ValueError(
            f"Voxels must lie within {tuple(shape)} cells, but reach from {low} to {high}."
        )
    if not (first := _first_rows(coors, shape)).all():
        row = int((~first).nonzero()[0])
        raise ValueError(
            f"Voxels must be distinct, but {coors[row].tolist()} (sample, position) in row {row} "
            "is listed before; merge the points of a voxel first."
        )


def _with_pairs(rulebook: Rulebook) -> Rulebook:
    """Add the pairs of each offset on a CPU, whose kernels read no gaps."""
    if rulebook.sources.device.type != "cpu":
        return rulebook
    sources = rulebook.sources.T
    offset, row = (sources < len(rulebook.in_coors)).nonzero(as_tuple=True)
    counts = torch.bincount(offset, minlength=len(sources))
    place = torch.arange(len(offset)) - (counts.cumsum(0) - counts)[offset]
    longest = int(counts.max())
    pairs = sources.new_full((2, len(sources), longest), -1)
    pairs[0, offset, place] = sources[offset, row]
    pairs[1, offset, place] = row
    if rulebook.is_submanifold:
        counts[len(counts) // 2] = 0  # every voxel joins itself there; see cpu_kernels.py
    return rulebook._replace(pairs=pairs, num_pairs=counts)
