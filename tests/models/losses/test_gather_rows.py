"""Gathering rows in one process and in two, against the loss of one big batch."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd.models.losses import RegionContrastLoss, info_nce
from perception_kd.ops.ranks import gather_rows, rows_of_rank
from tests.ranks import run_ranks

# Rank 0 has the first rows and rank 1 the rest, which may be none.
SPLITS = [3, 5, 0]
NUM_PAIRS, CHANNELS, TEMPERATURE = 5, 4, 0.2


def make_pairs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, NUM_PAIRS, CHANNELS, generator=generator)
    return query, key


def gather_on_rank(rank: int) -> list[tuple[Any, ...]]:
    """Return what a rank of two gets, for each split of the rows."""
    results = []
    for split in SPLITS:
        own = slice(0, split) if rank == 0 else slice(split, None)
        query, key = (x[own].clone().requires_grad_() for x in make_pairs())
        gathered, lengths = gather_rows(key)
        loss = info_nce(query, key, TEMPERATURE, symmetric=True, gather_negatives=True)
        loss.backward()
        first = rows_of_rank(lengths).start
        results.append((gathered.detach(), first, loss.detach(), query.grad, key.grad))
    return results


@pytest.mark.distributed
def test_two_ranks_equal_one_process() -> None:
    ranks = run_ranks(gather_on_rank)
    for index, split in enumerate(SPLITS):
        query, key = (x.requires_grad_() for x in make_pairs())
        expected = info_nce(query, key, TEMPERATURE, symmetric=True)
        expected.backward()
        for rank, own in enumerate((slice(0, split), slice(split, None))):
            gathered, first, loss, query_grad, key_grad = ranks[rank][index]
            assert torch.equal(gathered, key.detach())
            assert first == own.start
            torch.testing.assert_close(loss, expected.detach())
            assert query.grad is not None
            assert key.grad is not None
            # DistributedDataParallel divides by the number of ranks.
            torch.testing.assert_close(query_grad / 2, query.grad[own])
            torch.testing.assert_close(key_grad / 2, key.grad[own])


def test_one_process_keeps_its_rows() -> None:
    rows = torch.randn(3, 2)
    gathered, lengths = gather_rows(rows)
    assert gathered is rows
    assert lengths == [3]
    assert rows_of_rank(lengths) == slice(0, 3)


def test_negatives_of_all_ranks_need_the_scope_of_a_batch() -> None:
    with pytest.raises(ValueError, match='gather_negatives needs scope="batch"'):
        RegionContrastLoss(gather_negatives=True)
