"""Run the commands of stages: an interface, and this machine.

An executor for a cluster is :class:`~.cluster.ClusterExecutor`.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from perception_kd.experiments.commands import LoggedCommand, stop_commands
from perception_kd.utils.cores import count_cores

_MAX_THREADS = 8
# Time in s between two looks at the jobs, with one job and with several.
_POLL_ONE_S, _POLL_SEVERAL_S = 0.5, 0.1


class StageJob(NamedTuple):
    """The command of a stage.

    Attributes:
        name: Name of the stage.
        command: Arguments of ``python``.
        log: File to which the output is appended.
    """

    name: str
    command: tuple[str, ...]
    log: Path


class RunningJob(Protocol):
    """A job that was started."""

    def poll(self) -> int | None:
        """Return the exit status, as a shell reports it; None while it runs."""

    def progress(self) -> str:
        """Return the latest progress, in short; may be empty."""

    def seconds(self) -> float:
        """Return the time in s since its start."""

    def close(self) -> None:
        """Release its files."""


class Executor(Protocol):
    """Runs jobs; it knows those that it has started.

    Attributes:
        num_jobs: Maximum number of jobs at the same time.
    """

    num_jobs: int

    def start(self, jobs: Sequence[StageJob], lock: int | None) -> Sequence[RunningJob]:
        """Start jobs.

        Args:
            jobs: Jobs, at most as many as may still be started.
            lock: File descriptor that keeps the work dir locked, for jobs that can
                inherit it.

        Returns:
            One entry per job, in their order.
        """

    def wait(self) -> None:
        """Return once a job has ended, or after a short time."""

    def stop(self) -> None:
        """End all jobs that run, and wait for their end."""


class LocalExecutor:
    """Runs jobs on this machine; they share its threads and GPUs.

    Args:
        num_jobs: Maximum number of jobs at the same time.
        gpus: GPUs as in ``CUDA_VISIBLE_DEVICES``; each job sees one. Empty: each job
            sees all.

    Raises:
        ValueError: If ``num_jobs`` is not positive.
    """

    def __init__(self, num_jobs: int = 1, gpus: Sequence[str] = ()) -> None:
        if num_jobs < 1:
            raise ValueError(f"--jobs must be at least 1, but got {num_jobs}.")
        self.num_jobs = num_jobs
        self._gpus = tuple(gpus)
        self._running: list[tuple[LoggedCommand, str]] = []

    def start(self, jobs: Sequence[StageJob], lock: int | None) -> list[LoggedCommand]:
        """Start jobs; see :class:`Executor`."""
        return [self._start(job, () if lock is None else (lock,)) for job in jobs]

    def wait(self) -> None:
        """Return once a job has ended, or after a short time."""
        self._forget_ended()
        if len(self._running) == 1:
            self._running[0][0].poll(_POLL_ONE_S)
        elif self._running:
            time.sleep(_POLL_SEVERAL_S)

    def stop(self) -> None:
        """End all jobs that run: first with SIGINT, then more firmly."""
        stop_commands([command for command, _ in self._running])

    def _start(self, job: StageJob, keep_open: Sequence[int]) -> LoggedCommand:
        self._forget_ended()
        env = environment(self.num_jobs)
        in_use = [gpu for _, gpu in self._running]
        gpu = min(self._gpus, key=in_use.count, default="")
        if gpu:
            env["CUDA_VISIBLE_DEVICES"] = gpu
        command = LoggedCommand([sys.executable, *job.command], job.log, env, keep_open)
        self._running.append((command, gpu))
        return command

    def _forget_ended(self) -> None:
        self._running = [entry for entry in self._running if entry[0].poll() is None]


def environment(num_jobs: int = 1) -> dict[str, str]:
    """Return the environment of commands, with as many threads as there are cores.

    Variables that the user has set are kept.

    Args:
        num_jobs: Number of commands that share the cores.
    """
    cores = count_cores()
    return {
        "OMP_NUM_THREADS": str(min(max(cores // num_jobs, 1), _MAX_THREADS)),
        # Waiting threads must not take the core of a process that loads data.
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONUNBUFFERED": "1",
    }
