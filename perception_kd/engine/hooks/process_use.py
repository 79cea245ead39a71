"""Log what a training process holds, and whether it grows."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.registry import HOOKS
from perception_kd.utils.checks import check_at_least


class ProcessUse(NamedTuple):
    """Memory, files and threads of a process at one moment.

    Attributes:
        step: Number of training steps done.
        memory_mb: Resident memory, without that of worker processes, in MB (10^6
            bytes).
        open_files: Number of file descriptors.
        threads: Number of threads that Python knows.
    """

    step: int
    memory_mb: float
    open_files: int
    threads: int


def measure_process(step: int) -> ProcessUse:
    """Return memory, open files and threads of this process, from Linux' ``/proc``.

    Args:
        step: Number of training steps done.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    open_files = len(os.listdir("/proc/self/fd"))
    return ProcessUse(step, memory_mb, open_files, threading.active_count())


def fit_growth(uses: Sequence[ProcessUse], warm_up: int) -> float:
    """Return the growth of memory by linear regression, in MB per 1000 steps.

    Args:
        uses: Measurements.
        warm_up: Number of first steps that are left out.

    Raises:
        ValueError: If less than two measurements are left.
    """
    left = [use for use in uses if use.step > warm_up]
    if len(left) < 2:
        raise ValueError(
            f"Growth needs two measurements after {warm_up} steps, but got {len(left)}; train "
            "longer, or measure more often."
        )
    steps, memory = [use.step for use in left], [use.memory_mb for use in left]
    return float(np.polyfit(steps, memory, deg=1)[0] * 1000)


@HOOKS.register_module()
class ProcessUseHook(Hook):
    """Log memory, open files and threads of a training, and the growth of its memory.

    It finds leaks in long runs: add it with
    ``--cfg-options custom_hooks="[dict(type='ProcessUseHook')]"``. It needs Linux.

    Args:
        interval: Number of steps between two measurements.
        warm_up: Number of first steps that do not count for the growth.

    Raises:
        ValueError: If ``interval`` is not positive.

    Attributes:
        uses: The measurements.
    """

    def __init__(self, interval: int = 50, warm_up: int = 500) -> None:
        check_at_least("interval", interval, 1)
        self.interval = interval
        self.warm_up = warm_up
        self.uses: list[ProcessUse] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Measure."""
        if self.every_n_train_iters(runner, self.interval):
            self.uses.append(measure_process(runner.iter + 1))
            use = self.uses[-1]
            runner.logger.info(
                f"Step {use.step}: {use.memory_mb:.0f} MB, {use.open_files} open files, "
                f"{use.threads} threads"
            )

    def after_train(self, runner: Runner) -> None:
        """Log the growth."""
        if self.uses and self.uses[-1].step > self.warm_up + self.interval:
            growth = fit_growth(self.uses, self.warm_up)
            runner.logger.info(
                f"Memory grows by {growth:.2f} MB per 1000 steps after {self.warm_up} steps"
            )
