"""Runs stages one after the other, skipping what is done."""

import fcntl
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perception_kd.experiments.commands import run_command, tail
from perception_kd.experiments.display import Display, format_seconds
from perception_kd.experiments.stages import DemoError, Plan, Stage, Stamps

_MAX_THREADS = 8


class Chain:
    """Stages that share a work dir.

    Args:
        work_dir: Folder of stamps (``stages``) and logs (``logs``).
        stages: All stages, each after those that it reads from.
        display: Where to tell what happens.
    """

    def __init__(self, work_dir: Path, stages: Sequence[Stage], display: Display) -> None:
        self.stages = list(stages)
        self._stamps = Stamps(work_dir / "stages")
        self._logs = work_dir / "logs"
        self._display = display

    def plans(self) -> dict[str, Plan]:
        """Return what would be done with each stage, by name.

        A stage that is done, but reads from one that is not, will only then be known
        to be so still: its action is "wait".
        """
        plans: dict[str, Plan] = {}
        for stage in self.stages:
            plan = self._plan(stage)[0]
            before = next((n for n in stage.inputs if plans[n].action != "skip"), "")
            if plan.action == "skip" and before:
                plan = Plan("wait", f"if the output of {before} changes")
            plans[stage.name] = plan
        return plans

    def restart_from(self, name: str) -> None:
        """Let a stage, and all after it, run again.

        Raises:
            DemoError: If there is no such stage.
        """
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise DemoError(
                f"--from must name a stage, but got {name}; they are {', '.join(names)}."
            )
        for stage in self.stages[names.index(name) :]:
            self._stamps.forget(stage)

    def run(self, names: Sequence[str]) -> None:
        """Run stages that are not done.

        Args:
            names: Of the stages to run.

        Raises:
            DemoError: If one fails, with the end of its log.
            KeyboardInterrupt: If stopped by hand; what is done stays.
        """
        for number, stage in enumerate(self.stages, start=1):
            if stage.name in names:
                self._display.heading(number, len(self.stages), stage.about)
                self._run(stage)

    def seconds(self) -> dict[str, float]:
        """Return the wall time in s of each stage that has run, stops included."""
        stamps = {stage.name: self._stamps.read(stage) for stage in self.stages}
        return {name: round(stamp["seconds"], 1) for name, stamp in stamps.items() if stamp}

    def _plan(self, stage: Stage) -> tuple[Plan, dict[str, Any]]:
        settings = self._stamps.settings_of(stage, self.stages)
        return self._stamps.plan(stage, settings), settings

    def _run(self, stage: Stage) -> None:
        plan, settings = self._plan(stage)
        if plan.action == "skip":
            seconds = self._stamps.read(stage)["seconds"]
            self._display.line(f"done before, in {format_seconds(seconds)}")
            return
        if plan.reason:
            self._display.line(f"again, since {plan.reason}")
        self._stamps.begin(stage, settings, plan)
        options = stage.resume if plan.action == "resume" else ()
        command = [*stage.command, *stage.local, *options]
        self._display.command(shlex.join(["python", *command]))
        log = self._logs / f"{stage.name}.log"
        begin = time.monotonic()
        try:
            command = [sys.executable, *command]
            status = run_command(command, log, self._display.progress, environment())
        except BaseException:
            self._stamps.pause(stage, time.monotonic() - begin)
            raise
        seconds = time.monotonic() - begin
        if status != 0:
            self._stamps.pause(stage, seconds)
            raise DemoError(
                f"{stage.name} ended with status {status}. The end of {log}:\n\n{tail(log)}"
            )
        self._stamps.end(stage, seconds)
        total = self._stamps.read(stage)["seconds"]
        self._display.line(f"done in {format_seconds(total)}")


def environment() -> dict[str, str]:
    """Return the environment of the commands: threads for the cores that there are."""
    cores = len(os.sched_getaffinity(0))
    return {
        "OMP_NUM_THREADS": str(min(cores, _MAX_THREADS)),
        # Threads that wait should not take the core of a process that loads data.
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def only_one(work_dir: Path) -> Iterator[None]:
    """Hold a work dir, so that no second demo writes to it.

    Raises:
        DemoError: If another process holds it.
    """
    with (work_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                f"{work_dir} is in use by another demo; wait for it, or give another --work-dir."
            ) from None
        yield
