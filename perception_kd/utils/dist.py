"""Collectives that autograd can go through."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable


def gather_rows(rows: Tensor) -> tuple[Tensor, int]:
    """Concatenate the rows of all ranks, which may have different numbers of them.

    The gradient of a rank's rows is the sum over what all ranks made of them, so all
    ranks must call this, and all must run the backward pass, also those without rows.

    Args:
        rows: Rows of this rank, shape (M, ...), alike on all ranks but for M.

    Returns:
        Rows of all ranks in the order of ranks, and where this rank's begin. Without
        a process group, or with one of one rank: ``rows`` and 0.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows, 0
    own = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, own)
    lengths = [int(count) for count in counts]
    gathered = _GatherRows.apply(rows, lengths)  # type: ignore[no-untyped-call]
    return gathered, sum(lengths[: dist.get_rank()])


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
