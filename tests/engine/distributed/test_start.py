"""Variables of launchers become torch's; test_train.py runs two processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed
from mmengine import Config

from perception_kd.engine.distributed.start import prepare_distributed, set_rendezvous


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM_", "OMPI_", "MASTER_")) or name.endswith(("RANK", "WORLD_SIZE")):
            monkeypatch.delenv(name)
    # Set first, so that what the function sets is undone with the fixture.
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def rendezvous() -> dict[str, str]:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    return {name: os.environ[name] for name in names}


def test_slurm_tells_rank_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PROCID", "5"), ("NTASKS", "8"), ("LOCALID", "1"), ("NODELIST", "node7")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    set_rendezvous("slurm")
    assert rendezvous() == {
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "node7",
        "MASTER_PORT": "29500",
    }


def test_mpi_keeps_the_address_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "1"), ("SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    monkeypatch.setenv("MASTER_ADDR", "10.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1234")
    set_rendezvous("mpi")
    assert rendezvous() == {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "1234",
    }


def test_a_process_without_its_launcher_is_refused() -> None:
    with pytest.raises(ValueError, match=r"slurm: SLURM_PROCID.* not set .*tools/slurm_train.sh"):
        set_rendezvous("slurm")


def test_an_unknown_launcher_is_refused() -> None:
    with pytest.raises(ValueError, match="launcher must be none, pytorch, slurm, mpi"):
        set_rendezvous("horovod")


def test_without_a_launcher_nothing_happens() -> None:
    cfg = Config({})
    prepare_distributed(cfg, "none")
    assert not torch.distributed.is_initialized()
    assert "model_wrapper_cfg" not in cfg


@pytest.mark.distributed
def test_the_group_is_left_before_python_exits() -> None:
    code = """
import atexit
import torch.distributed as dist
from mmengine import Config
from perception_kd.engine.distributed.start import prepare_distributed
atexit.register(lambda: print("left" if not dist.is_initialized() else "still in it"))
prepare_distributed(Config({}), "pytorch")
assert dist.is_initialized()
"""
    ranks = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ranks["MASTER_PORT"] = str(free.getsockname()[1])
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **ranks, "CUDA_VISIBLE_DEVICES": ""},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "left"


LEAVE = """
import glob
from mmengine import Config
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from perception_kd.engine.distributed import start as distributed  # as the tools import them
from perception_kd.engine.run import launch  # as the tools import them

def threads():
    return [open(path).read() for path in glob.glob("/proc/self/task/*/comm")]

distributed.prepare_distributed(Config({}), "pytorch")
circle = [DistributedDataParallel(nn.Linear(1, 1))]
circle.append(circle)
del circle
assert any("gloo" in name for name in threads()), threads()
distributed._leave_group()
assert not any("gloo" in name for name in threads()), threads()
"""


@pytest.mark.distributed
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
@pytest.mark.skipif(torch.cuda.is_available(), reason="the group is mmengine's on a GPU")
def test_no_thread_of_the_group_is_left_when_python_ends() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    variables = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_PORT": port}
    subprocess.run([sys.executable, "-c", LEAVE], env={**os.environ, **variables}, check=True)
