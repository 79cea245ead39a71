"""Jobs on the nodes of a Ray cluster; those of lost nodes run again."""

import logging
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

from perception_kd.io.ray_cluster.connection import AUTO, connected
from perception_kd.io.workers import JobT, ResultT, gather_results, prepare_libraries

# Jobs submitted per CPU: a node never waits for the next one.
_JOBS_PER_CPU = 4
# How often a job runs again when its process or node is lost.
_RETRIES = 5
# Time in s between two looks at the nodes, which may come and go.
_LOOK_S = 1.0
# What this process runs, by the name of the run: deserialized once, not per job.
_loaded: dict[str, Callable[[Any], Any]] = {}


class RayPool(NamedTuple):
    """Processes of a Ray cluster, a :class:`~perception_kd.io.workers.JobPool`.

    All nodes need this package in the same version, and see the data and the results in
    the same folders. Nodes that join later are used as well.

    Attributes:
        address: As in :func:`~.connection.connected`.
        max_jobs: Largest number of jobs at the same time; None is one per CPU.
        num_gpus: GPUs of a job, which may be a fraction.
        timeout_s: Time in s that the cluster has to answer.
    """

    address: str = AUTO
    max_jobs: int | None = None
    num_gpus: float = 0.0
    timeout_s: float = 10.0

    def run_jobs(
        self, run: Callable[[JobT], ResultT], jobs: Sequence[JobT], *, in_order: bool = False
    ) -> Generator[tuple[JobT, ResultT], None, None]:
        """Yield jobs with their results, as they are done.

        A job runs again if its process or node is lost before its result has arrived,
        and only then. So it must write files as a whole, and be one that may run twice.
        After Ctrl-C, after an error, or when the caller stops iterating, all jobs end.

        Args:
            run: Called once per job. It and the jobs are pickled; what it refers to is
                sent to each process once.
            jobs: The jobs.
            in_order: Yield in the order of ``jobs``, not of completion.

        Raises:
            ImportError: If ray is not installed.
            ConnectionError: If no cluster answers.
            ChildProcessError: If the process of a job is lost again and again.
        """
        if not jobs:
            return
        with connected(self.address, self.timeout_s) as ray:
            tasks = _Tasks(ray, run, self)
            try:
                yield from gather_results(tasks.submit, jobs, tasks.max_submitted, in_order)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from _RemoteError(str(error))
            except ray.exceptions.RayError as error:
                raise ChildProcessError(
                    f"The process or node of a job was lost {_RETRIES + 1} times, most likely "
                    f"because its memory is full: {str(error).strip()} Finished work is kept: run "
                    "the same command again, with fewer CPUs per node or more memory."
                ) from error
            finally:
                tasks.cancel()


class _RemoteError(Exception):
    """The traceback of a job, under the name that pools of processes have for it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.tb = text


class _Tasks:
    """The jobs of one run as tasks of Ray."""

    def __init__(self, ray: Any, run: Callable[[Any], Any], pool: RayPool) -> None:
        self._ray, self._pool, self._running = ray, pool, set[Future[Any]]()
        # In a list, a reference is not resolved before each task.
        self._run = (uuid.uuid4().hex, [ray.put(run)])
        options = {"num_cpus": 1, "num_gpus": pool.num_gpus, "max_retries": _RETRIES}
        self._task = ray.remote(**options)(_run_task)
        self._next_look, self._limit, self._alive = 0.0, 0, set[str]()

    def submit(self, job: Any) -> Future[Any]:
        """Start a job."""
        future: Future[Any] = self._task.remote(*self._run, job).future()
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return future

    def max_submitted(self) -> int:
        """Return how many jobs may be submitted, by the CPUs that there are now."""
        if time.monotonic() >= self._next_look:
            nodes = self._ray.nodes()
            alive = {node["NodeID"]: node for node in nodes if node["Alive"]}
            for node in nodes:
                if node["NodeID"] in self._alive - alive.keys():
                    _warn_of_lost(node["NodeManagerHostname"])
            self._alive = set(alive)
            cpus = int(sum(node["Resources"].get("CPU", 0) for node in alive.values()))
            self._limit = self._pool.max_jobs or _JOBS_PER_CPU * max(cpus, 1)
            self._next_look = time.monotonic() + _LOOK_S
        return self._limit

    def cancel(self) -> None:
        """End all jobs that have no result."""
        for future in list(self._running):
            with suppress(self._ray.exceptions.RayError):  # the head may be lost
                self._ray.cancel(future.object_ref, force=True)  # type: ignore[attr-defined]


def _run_task(name: str, run: list[Any], job: Any) -> Any:
    """Run a job in a process of the cluster."""
    if name not in _loaded:
        import ray

        _loaded.clear()
        _loaded[name] = ray.get(run[0])
        prepare_libraries()
    return _loaded[name](job)


def _warn_of_lost(host: str) -> None:
    from mmengine.logging import print_log  # half a second, rarely needed

    text = f"A node of the cluster on {host} was lost; its unfinished jobs run again elsewhere."
    print_log(text, logger="current", level=logging.WARNING)
