"""A killed worker of a data loader is the last word of a tool, and its only one."""

import argparse
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import signal_handling

from perception_kd.engine.commands.command_line import run_tool

ADVICE = "error: A worker process of a data loader"


class Dying(Dataset[torch.Tensor]):
    """Kills its worker, as the system does when memory is full."""

    def __init__(self, dies: bool) -> None:
        self.dies = dies

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(1)


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    handler, is_set = signal.getsignal(signal.SIGCHLD), signal_handling._SIGCHLD_handler_set
    yield
    signal.signal(signal.SIGCHLD, handler)
    signal_handling._SIGCHLD_handler_set = is_set


def load(*, dies: bool) -> Any:
    """Start a worker; return the iterator over what it loads."""
    return iter(DataLoader(Dying(dies), num_workers=1, batch_size=None))


def kill_worker() -> None:
    (worker,) = multiprocessing.active_children()
    worker.kill()


def read_all(args: argparse.Namespace) -> None:
    list(load(dies=True))


def lose_connection(args: argparse.Namespace) -> None:
    """Lose the connection to a worker before the system says that it was killed."""
    loader = load(dies=False)

    def read(timeout: float) -> object:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # then the worker dies
        raise EOFError

    signal.signal(signal.SIGALRM, lambda *_: kill_worker())
    loader._data_queue.get = read
    next(loader)


def swallow(args: argparse.Namespace) -> None:
    """Learn of the killed worker where Python cannot raise an error."""

    class Noisy:
        def __del__(self) -> None:
            loader = load(dies=True)
            time.sleep(20)
            del loader

    Noisy()
    time.sleep(20)
    raise AssertionError("the worker was not missed")


@pytest.mark.parametrize("command", [read_all, lose_connection, swallow])
def test_a_killed_worker_is_one_line_wherever_it_is_noticed(
    command: Callable[[argparse.Namespace], None], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_tool(command, argparse.Namespace) == 2
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(ADVICE)


def test_nothing_follows_the_error_of_a_tool(capfd: pytest.CaptureFixture[str]) -> None:
    loaders = []

    def fail(args: argparse.Namespace) -> None:
        loaders.append(load(dies=False))
        raise FileNotFoundError("No data.")

    assert run_tool(fail, argparse.Namespace) == 2
    kill_worker()
    time.sleep(0.2)  # torch's error came here
    assert capfd.readouterr().err == "error: No data.\n"
