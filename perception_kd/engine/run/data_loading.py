"""Settings and worker processes of data loaders."""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mmengine.logging import print_log

from perception_kd.io.workers import start_worker

# Options that torch refuses without worker processes.
_OF_WORKERS = ("persistent_workers", "prefetch_factor")


def without_unused_options(loader: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a data loader without those of workers that it has not.

    Args:
        loader: Settings; with ``num_workers=0``, options of workers are dropped and
            logged.
    """
    settings = dict(loader)
    if settings.get("num_workers", 0) == 0:
        dropped = [name for name in _OF_WORKERS if settings.pop(name, None)]
        if dropped:
            print_log(
                f"Without {' and '.join(dropped)}, since num_workers is 0.",
                logger="current",
                level=logging.INFO,
            )
    return settings


@dataclass(frozen=True)
class WorkerInit:
    """First call of a data loader's worker, which then ends with its parent.

    Attributes:
        then: Called next, with the number of the worker, such as mmengine's function
            that sets seeds.
    """

    then: Callable[[int], None] | None

    def __call__(self, worker_id: int) -> None:
        """Prepare the process of a worker."""
        start_worker()
        sys.excepthook = show_unless_parent_left
        if self.then is not None:
            self.then(worker_id)


def show_unless_parent_left(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show an uncaught exception of a worker, as Python does, but not of a lost parent.

    Errors of samples are sent to the parent. What comes here is of the thread that
    hands tensors over: its connection breaks when the parent is stopped meanwhile.
    """
    if not issubclass(kind, EOFError | ConnectionError):
        sys.__excepthook__(kind, error, trace)
