"""Gathering rows in one process and in two, against the loss of one big batch."""

import tempfile
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from perception_kd.models.losses.info_nce_loss import gather_rows, info_nce

# Rank 0 has the first rows and rank 1 the rest, which may be none.
SPLITS = [3, 5, 0]
NUM_PAIRS, CHANNELS, TEMPERATURE = 5, 4, 0.2


def make_pairs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, NUM_PAIRS, CHANNELS, generator=generator)
    return query, key


def run_rank(rank: int, folder: str) -> None:
    """Save what a rank of two gets, for each split of the rows."""
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    results = []
    for split in SPLITS:
        own = slice(0, split) if rank == 0 else slice(split, None)
        query, key = (x[own].clone().requires_grad_() for x in make_pairs())
        gathered, first = gather_rows(key)
        options = dict(symmetric=True, gather_negatives=True)
        loss = info_nce(query, key, TEMPERATURE, **options)
        loss.backward()
        results.append((gathered.detach(), first, loss.detach(), query.grad, key.grad))
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def rank_loss(query: Tensor, key: Tensor, own: slice) -> Tensor:
    """Sum up what one rank's pairs contribute, written for one process."""
    if len(query[own]) == 0:
        return query.sum() * 0
    logits = query @ key.T / TEMPERATURE
    terms = logits.log_softmax(1).diagonal() + logits.T.log_softmax(1).diagonal()
    return -terms[own].mean() / 2


@pytest.mark.distributed
def test_two_ranks_equal_one_process() -> None:
    with tempfile.TemporaryDirectory() as folder:
        spawn(run_rank, (folder,), nprocs=2)
        results = [torch.load(Path(folder, f"{rank}.pt")) for rank in range(2)]

    for index, split in enumerate(SPLITS):
        query, key = (x.requires_grad_() for x in make_pairs())
        slices = slice(0, split), slice(split, None)
        losses = [rank_loss(query, key, own) for own in slices]
        (losses[0] + losses[1]).backward()
        for rank, own in enumerate(slices):
            gathered, first, loss, query_grad, key_grad = results[rank][index]
            assert torch.equal(gathered, key.detach())
            assert first == own.start
            torch.testing.assert_close(loss, losses[rank].detach())
            assert query.grad is not None
            assert key.grad is not None
            torch.testing.assert_close(query_grad, query.grad[own])
            torch.testing.assert_close(key_grad, key.grad[own])


def test_one_process_keeps_its_rows() -> None:
    rows = torch.randn(3, 2)
    gathered, first = gather_rows(rows)
    assert gathered is rows
    assert first == 0
