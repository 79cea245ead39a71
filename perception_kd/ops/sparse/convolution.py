"""Sparse convolution of features, forward and backward, by a rulebook."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.ops.sparse.cpu_kernels import indice_conv, indice_conv_backward
from perception_kd.ops.sparse.rulebook import Rulebook

# Size of the rows that are gathered at once, in bytes; more does not make it faster.
_MAX_GATHERED = 2**28


def convolve(features: Tensor, weight: Tensor, rulebook: Rulebook, inverse: bool = False) -> Tensor:
    """Convolve the features of voxels.

    Results do not depend on the run: no two threads write to the same number. On a CPU,
    products and sums are float32 or wider and autocast has no effect. On other devices
    autocast sets the type of the products and of the result.

    Args:
        features: Features of the input voxels, shape (K_in, C_in); for the inverse,
            those of the rulebook's output voxels.
        weight: Weights, shape (C_out, *kernel size, C_in).
        rulebook: Which voxels to join.
        inverse: Whether to go from the rulebook's output voxels to its input voxels.

    Returns:
        Features of the output voxels, shape (K_out, C_out).
    """
    if rulebook.pairs is not None:
        num_out = len(rulebook.in_coors if inverse else rulebook.out_coors)
        subm = rulebook.is_submanifold
        settings = rulebook.pairs, rulebook.num_pairs, num_out, inverse, subm
        return _ByPairs.apply(features, weight, *settings)  # type: ignore[no-untyped-call]
    device = features.device.type
    dtype = torch.promote_types(features.dtype, weight.dtype)
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    reads, read_by = rulebook.sources, rulebook.targets
    if inverse:
        reads, read_by = read_by, reads
    return convolve_by_tables(features.to(dtype), weight.to(dtype), reads, read_by)


def convolve_by_tables(features: Tensor, weight: Tensor, reads: Tensor, read_by: Tensor) -> Tensor:
    """Convolve by one matrix product of all that the output voxels read.

    The gaps are multiplied as zeros, several times the products that count. In return
    there are few launches, and nothing is read back from the device.

    Args:
        features: Features of the input voxels, shape (K_in, C_in).
        weight: Weights in the type of the features, shape (C_out, *kernel size, C_in).
        reads: Row of the input voxel that an output voxel reads at each kernel offset,
            K_in where there is none, shape (K_out, kernel offsets).
        read_by: The reverse, K_out where there is none, shape (K_in, kernel offsets).

    Returns:
        Features of the output voxels, shape (K_out, C_out).
    """
    return _ByTables.apply(features, weight, reads, read_by)  # type: ignore[no-untyped-call]


class _ByPairs(torch.autograd.Function):
    """Gather, multiply and add per kernel offset, without gaps; for a CPU."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, *settings: Any) -> Tensor:
        pairs, num_pairs, num_out, inverse, subm = settings
        ctx.save_for_backward(features, weight, pairs, num_pairs)
        ctx.kind = inverse, subm
        return indice_conv(features, weight, pairs, num_pairs, num_out, inverse, subm)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, *pairs = ctx.saved_tensors
        grads = indice_conv_backward(features, weight, grad, *pairs, *ctx.kind)
        return *grads, None, None, None, None, None


class _ByTables(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, reads: Tensor, read_by: Tensor
    ) -> Tensor:
        ctx.save_for_backward(features, weight, reads, read_by)
        return _gather_and_multiply(features, reads, weight.flatten(1).T)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, reads, read_by = ctx.saved_tensors
        grad = grad.to(features.dtype)
        grad_features = grad_weight = None
        if ctx.needs_input_grad[0]:
            by_offset = weight.flatten(1, -2).transpose(0, 1).flatten(0, 1)
            grad_features = _gather_and_multiply(grad, read_by, by_offset)
        if ctx.needs_input_grad[1]:
            wide = torch.promote_types(weight.dtype, torch.float32)
            sums = weight.new_zeros(weight.flatten(1).shape, dtype=wide)
            with torch.autocast(grad.device.type, enabled=False):
                for rows, gathered in _gather(features, reads):
                    sums += grad[rows].T @ gathered
            grad_weight = sums.view(weight.shape).to(weight.dtype)
        return grad_features, grad_weight, None, None


def _gather_and_multiply(features: Tensor, reads: Tensor, matrix: Tensor) -> Tensor:
    out = features.new_empty(len(reads), matrix.shape[1])
    with torch.autocast(features.device.type, enabled=False):
        for rows, gathered in _gather(features, reads):
            torch.mm(gathered, matrix, out=out[rows])
    return out


def _gather(features: Tensor, reads: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of the rows of a table with all that they read, side by side."""
    num_rows, num_offsets = reads.shape
    width = num_offsets * features.shape[1]
    step = max(1, _MAX_GATHERED // (width * features.element_size()))
    with_zeros = F.pad(features, (0, 0, 0, 1))
    for start in range(0, num_rows, step):
        rows = slice(start, min(start + step, num_rows))
        yield rows, with_zeros.index_select(0, reads[rows].flatten()).view(-1, width)
