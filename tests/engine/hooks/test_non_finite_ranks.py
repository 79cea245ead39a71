"""A number that is not finite on one rank stops all of them."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from tests.engine.toy import build_runner


def run_rank(rank: int, folder: str) -> None:
    """Train, with a loss that is NaN on rank 1 alone; keep the error."""
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    runner = build_runner(Path(folder) / str(rank))

    def spoil(module: object, args: object, output: dict[str, torch.Tensor]) -> object:
        nan = rank == 1 and runner.iter == 1
        return {**output, "loss_other": torch.tensor(float("nan") if nan else 0.0)}

    runner.model.register_forward_hook(spoil)
    try:
        runner.train()
    except ValueError as error:
        Path(folder, f"{rank}.txt").write_text(str(error))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.distributed
def test_all_ranks_stop_in_the_same_iteration(tmp_path: Path) -> None:
    spawn(run_rank, args=(str(tmp_path),), nprocs=2)
    first, second = (Path(tmp_path, f"{rank}.txt").read_text() for rank in range(2))
    assert "in iteration 2: NaN or infinity in the loss of another process." in first
    assert "in iteration 2: NaN or infinity in loss_other." in second
    assert "nonfinite_iter_2_rank1.pth" in second
