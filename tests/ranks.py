"""Run a function in two processes of a gloo group, for tests of what ranks share."""

import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.multiprocessing.spawn import start_processes

TIMEOUT = 60.0  # s, after which a rank that waits for another one raises


def run_ranks(function: Callable[..., Any], *args: Any, num_ranks: int = 2) -> list[Any]:
    """Call ``function(rank, *args)`` on each rank and return what the ranks return.

    Ranks are forks of a server that has imported the models, so that they start in
    about a second.
    """
    with tempfile.TemporaryDirectory() as folder:
        start_processes(
            _run_rank, (num_ranks, folder, function, args), num_ranks, start_method="forkserver"
        )
        return [
            torch.load(Path(folder, f"{rank}.pt"), weights_only=False) for rank in range(num_ranks)
        ]


def _run_rank(
    rank: int, num_ranks: int, folder: str, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    # Variables of torchrun, which mmengine reads as well.
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(num_ranks), LOCAL_RANK=str(rank))
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=num_ranks,
        timeout=timedelta(seconds=TIMEOUT),
    )
    torch.save(function(rank, *args), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def _preload() -> None:
    context: BaseContext = mp.get_context("forkserver")
    context.set_forkserver_preload(["tests.ranks", "perception_kd.models"])


_preload()
