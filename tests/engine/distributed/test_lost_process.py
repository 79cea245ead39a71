"""A process that dies or hangs ends the training with a clear error, and soon."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from mmengine import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from perception_kd.engine.distributed.lost_process import explain_lost_process, lost_processes_named
from perception_kd.engine.distributed.start import find_timeout
from perception_kd.registry import HOOKS
from perception_kd.utils.checks import check_classes
from tests.engine.toy import ROOT, write_config

LOST = {
    "[gloo/transport/tcp/unbound_buffer.cc:129] Timed out waiting 4000ms for send": "20 s",
    "[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:5011": "has ended",
    "[gloo/transport/tcp/pair.cc:534] Read error [127.0.0.1]:1: Connection reset by peer": "ended",
    "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=5)": "20 s",
    "NCCL communicator was aborted on rank 0.": "has ended",
}


@pytest.mark.parametrize(("error", "words"), LOST.items())
def test_a_lost_process_is_named_in_one_line(error: str, words: str) -> None:
    with pytest.raises(ConnectionError, match=words) as raised, lost_processes_named(20):
        raise RuntimeError(error)
    assert "\n" not in str(raised.value)


def test_a_process_that_never_starts_is_named() -> None:
    error = dist.DistStoreError(
        "Timed out after 5 seconds waiting for clients. 1/2 clients joined."
    )
    assert "within 5 s" in str(explain_lost_process(error, 5))


@pytest.mark.parametrize("error", ["CUDA out of memory", "DataLoader timed out after 5 seconds"])
def test_other_errors_are_left_alone(error: str) -> None:
    with pytest.raises(RuntimeError, match=error), lost_processes_named(20):
        raise RuntimeError(error)


@pytest.mark.parametrize("timeout", [0, -1, "10", True, None, float("nan")])
def test_a_timeout_must_be_seconds(timeout: Any) -> None:
    with pytest.raises(ValueError, match=r"env_cfg.dist_cfg.timeout must be seconds"):
        find_timeout(Config(dict(env_cfg=dict(dist_cfg=dict(timeout=timeout)))))


def test_a_config_without_a_timeout_has_minutes() -> None:
    assert find_timeout(Config({})) == 600


@HOOKS.register_module()
class OneProcessFailsHook(Hook):
    """Say which process this is, then refuse a class in the second one, or train on."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def after_train_iter(self, runner: Any, batch_idx: int, **_: Any) -> None:
        """Write a file of the process id, for the test."""
        if runner.iter == 3:
            Path(runner.work_dir, f"process{get_rank()}.id").write_text(str(os.getpid()))
        if runner.iter == 5 and self.fails and get_rank() == 1:
            check_classes("classes of the second process", ["car"], ["bus"])


@contextmanager
def two_processes(
    folder: Path, *settings: str, fails: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Train the toy without end in two processes."""
    more = 'custom_imports = dict(imports=["tests.engine.distributed.test_lost_process"])\n'
    more += f'custom_hooks = [dict(type="OneProcessFailsHook", fails={fails})]\n'
    config = write_config(folder, more=more)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": str(ROOT), "MASTER_PORT": port}
    options = ["train_cfg.max_epochs=1000000", "default_hooks.checkpoint.interval=1000000"]
    options += ["default_hooks.logger.interval=1000000", *settings]
    command = [str(ROOT / "tools" / "dist_train.sh"), str(config), "2"]
    command += ["--work-dir", str(folder / "work"), "--cfg-options", *options]
    job = subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield job
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)


def errors_of(job: subprocess.Popen[str], timeout: float) -> list[str]:
    """Wait for the end and return the lines that begin with "error"."""
    _, text = job.communicate(timeout=timeout)
    assert job.returncode not in (0, None)
    assert "gloo" not in text, text  # no traceback of torch
    return [line for line in text.splitlines() if line.startswith("error")]


def wait_for(path: Path, job: subprocess.Popen[str]) -> int:
    while not path.exists() or not path.read_text():
        assert job.poll() is None, job.communicate()[1]
        time.sleep(0.1)
    return int(path.read_text())


@pytest.mark.slow
@pytest.mark.distributed
def test_a_stopped_process_ends_the_training(tmp_path: Path) -> None:
    with two_processes(tmp_path, "env_cfg.dist_cfg.timeout=20") as job:
        stopped = wait_for(tmp_path / "work" / "process1.id", job)
        os.kill(stopped, signal.SIGSTOP)
        # torchrun gives the stopped process 30 s to end, then kills it.
        (line,) = errors_of(job, timeout=150)
    assert re.match(r"error \(process 0 of 2\): another process did not answer within 20 s", line)
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


@pytest.mark.slow
@pytest.mark.distributed
def test_an_error_of_one_process_is_shown_and_ends_all(tmp_path: Path) -> None:
    with two_processes(tmp_path, fails=True) as job:
        wait_for(tmp_path / "work" / "process0.id", job)
        lines = errors_of(job, timeout=150)
    assert "error (process 1 of 2): classes of the second process" in "\n".join(lines)
    for line in lines:
        assert line.startswith(("error (process 1", "error (process 0 of 2): another process has"))
