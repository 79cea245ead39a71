"""Run the commands of stages as the jobs of a cluster: Slurm or Ray."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from perception_kd.experiments.commands import run_logged
from perception_kd.experiments.executors import StageJob, environment
from perception_kd.experiments.progress import LogReader
from perception_kd.utils.extras import install_command

_POLL_S = 1.0
# Time in s that canceled jobs have to end.
_GRACE_S = 30.0


class SubmittedJob(Protocol):
    """A job of a cluster, as submitit has it.

    Attributes:
        job_id: Name of the job on the cluster.
        state: What it does, in a word.
    """

    job_id: str
    state: str

    def done(self) -> bool:
        """Return whether it has ended."""

    def exception(self) -> BaseException | None:
        """Return why an ended job has no result."""

    def result(self) -> int:
        """Return the exit status of the command."""

    def cancel(self, check: bool) -> None:
        """Ask the cluster to end it; raise the cluster's error if ``check``."""


class JobArrays(Protocol):
    """A cluster to which calls are submitted, in the way of submitit."""

    def map_array(self, run: Callable[..., int], *columns: Iterable[Any]) -> Sequence[SubmittedJob]:
        """Submit a call per row of the columns."""


class ClusterExecutor:
    """Runs jobs on a cluster; on Slurm, those that are ready together are one array.

    All nodes must see the work dir, the data and this environment in the same places.
    The locks of the file system do not reach other nodes: if this process is killed,
    jobs of Slurm run on until ``scancel`` ends them.

    Args:
        arrays: From :func:`open_slurm`, or a
            :class:`~perception_kd.experiments.ray_arrays.RayArrays`.
        num_jobs: Maximum number of jobs at the same time.

    Raises:
        ValueError: If ``num_jobs`` is not positive.
    """

    def __init__(self, arrays: JobArrays, num_jobs: int = 1) -> None:
        if num_jobs < 1:
            raise ValueError(f"--jobs must be at least 1, but got {num_jobs}.")
        self.num_jobs = num_jobs
        self._arrays = arrays
        self._running: list[ClusterJob] = []

    def start(self, jobs: Sequence[StageJob], lock: int | None) -> "list[ClusterJob]":
        """Submit jobs; the lock stays with this process."""
        if not jobs:
            return []
        columns = zip(*((job.command, str(job.log), os.getcwd()) for job in jobs), strict=True)
        submitted = self._arrays.map_array(run_job, *columns)
        started = [ClusterJob(job.log, found) for job, found in zip(jobs, submitted, strict=True)]
        self._running += started
        return started

    def wait(self) -> None:
        """Return after a short time if jobs run."""
        self._running = [job for job in self._running if job.poll() is None]
        if self._running:
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Cancel all jobs that have not ended, and wait for their end."""
        for job in self._running:
            job.cancel()
        end = time.monotonic() + _GRACE_S
        while any(job.poll() is None for job in self._running) and time.monotonic() < end:
            time.sleep(_POLL_S)


class ClusterJob:
    """A job of a cluster.

    Args:
        log: Log of its command.
        job: The job as the cluster has it.
    """

    def __init__(self, log: Path, job: SubmittedJob) -> None:
        self._job, self._path, self._log = job, log, LogReader(log)
        self._log.skip()
        self._begin = time.monotonic()
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status of the command, 1 if its job was lost; None before."""
        if self._status is None and self._job.done():
            error = self._job.exception()
            self._status = self._job.result() if error is None else 1
            if error is not None:
                with self._path.open("a", encoding="utf-8") as log:
                    log.write(f"\n{error}\nThe job {self._job.job_id} of the cluster was lost.\n")
        return self._status

    def progress(self) -> str:
        """Return the latest progress of the command, or the state of its job."""
        return self._log.progress() or str(self._job.state).lower()

    def seconds(self) -> float:
        """Return the time in s since the submission."""
        return time.monotonic() - self._begin

    def cancel(self) -> None:
        """Ask the cluster to end the job."""
        if self.poll() is None:
            self._job.cancel(check=False)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def run_job(command: Sequence[str], log: str, folder: str) -> int:
    """Run the command of a stage on the node of its job.

    Args:
        command: Arguments of ``python``.
        log: File to which the output is appended.
        folder: Folder in which the command runs.

    Returns:
        Its exit status.
    """
    os.chdir(folder)
    words = [sys.executable, *command]
    return run_logged(words, Path(log), lambda *_: None, environment())


def open_slurm(
    folder: Path,
    num_jobs: int = 1,
    parameters: Mapping[str, Any] | None = None,
    *,
    cluster: str = "slurm",
) -> JobArrays:
    """Return an executor of submitit.

    Args:
        folder: Folder of submitit's files, which is created.
        num_jobs: Maximum number of jobs of an array at the same time.
        parameters: Parameters of submitit's ``AutoExecutor``, such as ``timeout_min``,
            ``gpus_per_node``, ``cpus_per_task``, ``mem_gb`` and ``slurm_partition``.
        cluster: "local" and "debug" run jobs on this machine, to try things out.

    Raises:
        ImportError: If submitit is not installed.
        ValueError: If a parameter is unknown.
        RuntimeError: If there is no Slurm on this machine.
    """
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Slurm needs submitit; install it with {install_command('cluster')}."
        ) from error
    executor: Any = submitit.AutoExecutor(folder=folder, cluster=cluster)
    options = {"name": "perception_kd", **(parameters or {})}
    if cluster == "slurm":
        options.setdefault("slurm_array_parallelism", num_jobs)
    try:
        executor.update_parameters(**options)
    except (AssertionError, NameError, TypeError) as error:
        raise ValueError(f"--executor-options: {error}") from error
    arrays: JobArrays = executor
    return arrays
