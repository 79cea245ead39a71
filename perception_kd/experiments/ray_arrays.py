"""Commands of stages as tasks of a Ray cluster."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

from perception_kd.experiments.executor_options import check_ray_options
from perception_kd.io.ray_cluster.connection import AUTO, connected


class RayArrays:
    """Submits calls to a Ray cluster, whose nodes run as many as their CPUs allow.

    The cluster ends all that it runs when this process does.

    Args:
        address: As in :func:`~perception_kd.io.ray_cluster.connection.connected`.
        parameters: What a call needs: ``num_cpus`` (1, and as many threads),
            ``num_gpus``, which may be a share of one, ``memory`` in bytes.

    Raises:
        ImportError: If ray is not installed.
        ValueError: If a parameter is unknown or wrong, or the address is not HOST:PORT.
        ConnectionError: If no cluster answers.
    """

    def __init__(self, address: str = AUTO, parameters: Mapping[str, Any] | None = None) -> None:
        parameters = parameters or {}
        check_ray_options(parameters)
        self._connection = ExitStack()
        self._ray = self._connection.enter_context(connected(address))
        # A lost training is resumed with --resume, so Ray must not repeat the command.
        self._options = {"num_cpus": 1, "max_retries": 0, **parameters}

    def map_array(self, run: Callable[..., int], *columns: Iterable[Any]) -> "list[RayTask]":
        """Submit a call per row of the columns."""
        task = self._ray.remote(**self._options)(run)
        return [RayTask(self._ray, task.remote(*row)) for row in zip(*columns, strict=True)]


class RayTask:
    """A call that was submitted, a :class:`~.cluster.SubmittedJob`.

    Args:
        ray: The module ``ray``.
        reference: Reference to its result.

    Attributes:
        job_id: Name of the task on the cluster.
        state: What it does, in a word.
    """

    state = "submitted"

    def __init__(self, ray: Any, reference: Any) -> None:
        self.job_id: str = reference.task_id().hex()
        self._ray, self._reference = ray, reference
        self._future: Future[int] = reference.future()

    def done(self) -> bool:
        """Return whether it has ended."""
        return self._future.done()

    def exception(self) -> BaseException | None:
        """Return why it has no result; None if it has."""
        return self._future.exception()

    def result(self) -> int:
        """Return its result."""
        return self._future.result()

    def cancel(self, check: bool = False) -> None:
        """End it, with the process that runs it and its command."""
        self._ray.cancel(self._reference, force=True)
