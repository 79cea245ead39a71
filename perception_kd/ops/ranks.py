"""Values of all ranks, as if one process had the whole batch.

Ranks are the processes of one training. Everything here is what it would be in a single
process where there is no process group, or one of one rank. All ranks have to call each
function, in the same order, and to run the backward pass, also those without rows.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable


def num_ranks() -> int:
    """Return the number of ranks; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_rows(rows: Tensor) -> tuple[Tensor, list[int]]:
    """Concatenate the rows of all ranks, which may have different numbers of them.

    The gradient of a rank's rows is the sum over all ranks.

    Args:
        rows: Rows of this rank, shape (M, ...), of one shape on all ranks except for M.

    Returns:
        Rows of all ranks in the order of ranks, and the number of each rank's.
    """
    if num_ranks() == 1:
        return rows, [len(rows)]
    own = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(own) for _ in range(num_ranks())]
    dist.all_gather(counts, own)
    lengths = [int(count) for count in counts]
    return _GatherRows.apply(rows, lengths), lengths  # type: ignore[no-untyped-call]


def rows_of_rank(lengths: list[int]) -> slice:
    """Return the slice of this rank's rows among the gathered ones.

    Args:
        lengths: Number of rows of each rank, in the order of ranks.
    """
    rank = dist.get_rank() if len(lengths) > 1 else 0
    first = sum(lengths[:rank])
    return slice(first, first + lengths[rank])


def sum_over_ranks(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all ranks.

    Args:
        value: Tensor of any shape; all ranks must have the same shape.

    Returns:
        The sum, in a new tensor of this shape; ``value`` itself with one rank.
    """
    if num_ranks() == 1:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total


def combine_shares(share: Tensor) -> Tensor:
    """Return a loss whose shares are computed on different ranks.

    Its value is the sum of the shares on every rank. Its gradient is this rank's share
    times the number of ranks, so that the mean over ranks, which
    ``DistributedDataParallel`` takes, is the gradient of the sum.

    Args:
        share: Scalar, this rank's share.

    Returns:
        Scalar of the same type.
    """
    if num_ranks() == 1:
        return share
    total = share.detach().double()
    dist.all_reduce(total)
    scaled = share * num_ranks()
    return scaled + (total.to(share.dtype) - scaled).detach()


class _GatherRows(torch.autograd.Function):
    """All-gather of rows padded to the longest rank's number of them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, lengths: list[int]) -> Tensor:
        ctx.lengths = lengths
        padded = rows.new_zeros(max(lengths), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in lengths]
        dist.all_gather(parts, padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.split(ctx.lengths)[dist.get_rank()], None
