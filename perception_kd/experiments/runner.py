"""Runs stages one after another and skips those that are up to date."""

import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from perception_kd.experiments.commands import run_logged, tail
from perception_kd.experiments.display import Display, format_seconds
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamps import Plan, Stamps
from perception_kd.experiments.training_stages import has_lost_checkpoints
from perception_kd.experiments.workspace import Workspace

_MAX_THREADS = 8


class StageRunner:
    """Runs the stages of an experiment; interrupted ones are resumed.

    Args:
        workspace: Its folders; stamps (``stages``) and logs (``logs``) are in the work
            dir.
        stages: All stages, each after those that it reads from.
        display: Output for the user.

    Raises:
        ExperimentError: If the folders overlap, or a symbolic link leads out of them.
    """

    def __init__(self, workspace: Workspace, stages: Sequence[Stage], display: Display) -> None:
        self.stages = list(stages)
        folders = Folders(workspace)
        folders.check(self.stages)
        self._stamps = Stamps(workspace.work_dir, folders)
        self._logs = workspace.work_dir / "logs"
        self._display = display

    def plans(self) -> dict[str, Plan]:
        """Return what would be done with each stage, by name.

        Whether a finished stage that reads from an unfinished one stays valid is only
        known once the latter has run: its action is "wait".
        """
        plans: dict[str, Plan] = {}
        for stage in self.stages:
            plan = self._plan(stage, quick=True)[0]
            before = next((n for n in stage.inputs if plans[n].action != "skip"), "")
            if plan.action == "skip" and before:
                plan = Plan("wait", f"if the output of {before} changes")
            plans[stage.name] = plan
        return plans

    def restart_from(self, name: str) -> None:
        """Mark a stage and all later ones as out of date, so that they are run again.

        Raises:
            ExperimentError: If there is no such stage.
        """
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise ExperimentError(
                f"--from: there is no stage {name}; the stages are {', '.join(names)}."
            )
        for stage in self.stages[names.index(name) :]:
            self._stamps.forget(stage)

    def run(self, names: Sequence[str], lock: int | None = None) -> None:
        """Run stages that are not up to date.

        Args:
            names: Names of the stages to run.
            lock: File descriptor of :func:`~perception_kd.io.lock.lock_folder`, which
                the commands inherit, so that the work dir stays locked until they have
                ended.

        Raises:
            ExperimentError: If a stage fails; the message has the end of its log.
            KeyboardInterrupt: If interrupted with Ctrl-C; finished work is kept.
        """
        for number, stage in enumerate(self.stages, start=1):
            if stage.name in names:
                self._display.heading(number, len(self.stages), stage.about)
                self._run(stage, lock)

    def seconds(self) -> dict[str, float]:
        """Return the wall time in s of each stage that has run, over all attempts."""
        stamps = {stage.name: self._stamps.read(stage) for stage in self.stages}
        return {name: round(stamp.seconds, 1) for name, stamp in stamps.items() if stamp}

    def _plan(self, stage: Stage, *, quick: bool) -> tuple[Plan, dict[str, Any]]:
        settings = self._stamps.settings_of(stage, self.stages)
        return self._stamps.plan(stage, settings, quick=quick), settings

    def _run(self, stage: Stage, lock: int | None) -> None:
        plan, settings = self._plan(stage, quick=False)
        if plan.action == "skip":
            self._stamps.confirm(stage)
            self._display.line(f"done before, in {format_seconds(self._seconds(stage))}")
            return
        if plan.action == "resume" and stage.folder and has_lost_checkpoints(stage.folder):
            plan = Plan("start", "none of its checkpoints is whole")
        if plan.reason:
            self._display.line(f"again, since {plan.reason}")
        self._stamps.begin(stage, settings, plan)
        options = stage.resume if plan.action == "resume" else ()
        command = [*stage.command, *stage.local, *options]
        self._display.command(shlex.join(["python", *command]))
        self._execute(stage, command, lock)
        self._display.line(f"done in {format_seconds(self._seconds(stage))}")

    def _seconds(self, stage: Stage) -> float:
        stamp = self._stamps.read(stage)
        return stamp.seconds if stamp else 0.0

    def _execute(self, stage: Stage, command: Sequence[str], lock: int | None) -> None:
        log = self._logs / f"{stage.name}.log"
        begin = time.monotonic()
        try:
            status = run_logged(
                [sys.executable, *command],
                log,
                self._display.progress,
                environment(),
                () if lock is None else (lock,),
            )
        except BaseException:
            self._pause(stage, time.monotonic() - begin)
            raise
        seconds = time.monotonic() - begin
        if status != 0:
            self._pause(stage, seconds)
            raise ExperimentError(
                f"{stage.name} {_describe(status)}. The end of {log}:\n\n{tail(log)}"
            )
        self._stamps.end(stage, seconds)

    def _pause(self, stage: Stage, seconds: float) -> None:
        # On a full disk, the error of the command says more than this one.
        with contextlib.suppress(OSError):
            self._stamps.pause(stage, seconds)


def environment() -> dict[str, str]:
    """Return the environment of the commands, with as many threads as there are cores.

    Variables that the user has set are kept.
    """
    cores = len(os.sched_getaffinity(0))
    return {
        "OMP_NUM_THREADS": str(min(cores, _MAX_THREADS)),
        # Waiting threads must not take the core of a process that loads data.
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PYTHONUNBUFFERED": "1",
    }


def _describe(status: int) -> str:
    """Describe how a command failed."""
    if status <= 128:
        return f"failed with status {status}"
    try:
        name = signal.Signals(status - 128).name
    except ValueError:
        return f"failed with status {status}"
    memory = "; it may have needed too much memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"
