"""Runs stages, in order or side by side, and skips those that are up to date."""

import contextlib
import shlex
import signal
import time
from collections.abc import Sequence
from typing import Any

from perception_kd.experiments.commands import tail
from perception_kd.experiments.display import Display, format_seconds
from perception_kd.experiments.executors import Executor, LocalExecutor, StageJob
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.schedule import Schedule
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamps import Plan, Stamps
from perception_kd.experiments.training_stages import has_lost_checkpoints
from perception_kd.experiments.workspace import Workspace


class StageRunner:
    """Runs the stages of an experiment; interrupted ones are resumed.

    Args:
        workspace: Its folders; stamps (``stages``) and logs (``logs``) are in the work
            dir.
        stages: All stages, each after those that it reads from.
        display: Output for the user.
        executor: Where the commands run; by default one after another on this machine.

    Raises:
        ExperimentError: If the folders overlap, or a symbolic link leads out of them.
    """

    def __init__(
        self,
        workspace: Workspace,
        stages: Sequence[Stage],
        display: Display,
        executor: Executor | None = None,
    ) -> None:
        self.stages = list(stages)
        self._executor = executor or LocalExecutor()
        folders = Folders(workspace)
        folders.check(self.stages)
        self._stamps = Stamps(workspace.work_dir, folders)
        self._logs = workspace.work_dir / "logs"
        self._display = display

    def plans(self) -> dict[str, Plan]:
        """Return the planned action for each stage, by name.

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

    def run(
        self, names: Sequence[str], lock: int | None = None, *, keep_going: bool = False
    ) -> dict[str, str]:
        """Run stages that are not up to date.

        Args:
            names: Names of the stages to run.
            lock: File descriptor of :func:`~perception_kd.io.lock.lock_folder`, which
                the commands inherit, so that the work dir stays locked until they have
                ended.
            keep_going: Whether a failed stage stops only those that read from it.

        Returns:
            Why stages have failed or were not run, by name.

        Raises:
            ExperimentError: If a stage fails, unless ``keep_going``; the message has
                the end of its log. All others are stopped.
            KeyboardInterrupt: If interrupted with Ctrl-C; finished work is kept.
        """
        schedule = Schedule([stage for stage in self.stages if stage.name in names])
        begin = time.monotonic()
        try:
            while schedule:
                self._start_ready(schedule, lock, keep_going)
                self._executor.wait()
                self._end_finished(schedule, keep_going)
                self._show(schedule, time.monotonic() - begin)
        except BaseException:
            self._executor.stop()
            for stage, job in schedule.running.values():
                self._pause(stage, job.seconds())
                job.close()
            raise
        return schedule.failures

    def seconds(self) -> dict[str, float]:
        """Return the wall time in s of each stage that has run, over all attempts."""
        stamps = {stage.name: self._stamps.read(stage) for stage in self.stages}
        return {name: round(stamp.seconds, 1) for name, stamp in stamps.items() if stamp}

    def _plan(self, stage: Stage, *, quick: bool) -> tuple[Plan, dict[str, Any]]:
        settings = self._stamps.settings_of(stage, self.stages)
        return self._stamps.plan(stage, settings, quick=quick), settings

    def _start_ready(self, schedule: Schedule, lock: int | None, keep_going: bool) -> None:
        """Start as many stages as may run at the same time."""
        stages: list[Stage] = []
        jobs: list[StageJob] = []
        free = self._executor.num_jobs - len(schedule.running)
        while len(jobs) < free and (stage := schedule.take_ready()):
            try:
                job = self._prepare(stage)
            except ExperimentError as error:
                self._fail(schedule, stage, str(error), error, keep_going)
                continue
            if job is None:
                schedule.end(stage)
            else:
                stages.append(stage)
                jobs.append(job)
        for stage, running in zip(stages, self._executor.start(jobs, lock), strict=True):
            schedule.begin(stage, running)

    def _prepare(self, stage: Stage) -> StageJob | None:
        """Return the job of a stage, whose start is recorded; None if it is done."""
        number = 1 + [other.name for other in self.stages].index(stage.name)
        self._display.heading(number, len(self.stages), stage.about)
        plan, settings = self._plan(stage, quick=False)
        if plan.action == "skip":
            self._stamps.confirm(stage)
            self._display.line(f"done before, in {format_seconds(self._seconds(stage))}")
            return None
        if plan.action == "resume" and stage.folder and has_lost_checkpoints(stage.folder):
            plan = Plan("start", "none of its checkpoints is whole")
        if plan.reason:
            self._display.line(f"again, since {plan.reason}")
        self._stamps.begin(stage, settings, plan)
        options = stage.resume if plan.action == "resume" else ()
        command = (*stage.command, *stage.local, *options)
        self._display.command(shlex.join(["python", *command]))
        return StageJob(stage.name, command, self._logs / f"{stage.name}.log")

    def _end_finished(self, schedule: Schedule, keep_going: bool) -> None:
        """Record the ends of jobs."""
        ended = [
            (stage, job, status)
            for stage, job in schedule.running.values()
            if (status := job.poll()) is not None
        ]
        # Successes first: a failure may end the run.
        for stage, job, status in sorted(ended, key=lambda entry: entry[2] != 0):
            seconds = job.seconds()
            schedule.end(stage)
            job.close()
            try:
                self._check_end(stage, status, seconds)
            except ExperimentError as error:
                reason = f"{_describe(status)}: {tail(self._logs / f'{stage.name}.log', 1)}"
                self._fail(schedule, stage, reason if status else str(error), error, keep_going)
                continue
            name = "" if self._executor.num_jobs == 1 else f"{stage.name}: "
            self._display.line(f"{name}done in {format_seconds(self._seconds(stage))}")

    def _check_end(self, stage: Stage, status: int, seconds: float) -> None:
        """Record the end of a stage.

        Raises:
            ExperimentError: If it has failed.
        """
        if status == 0:
            self._stamps.end(stage, seconds)
            return
        self._pause(stage, seconds)
        log = self._logs / f"{stage.name}.log"
        raise ExperimentError(f"{stage.name} {_describe(status)}. The end of {log}:\n\n{tail(log)}")

    def _fail(
        self,
        schedule: Schedule,
        stage: Stage,
        reason: str,
        error: ExperimentError,
        keep_going: bool,
    ) -> None:
        """Record that a stage has failed, or raise its error."""
        if not keep_going:
            raise error
        schedule.fail(stage, reason)
        self._display.line(f"{stage.name} {reason}")

    def _show(self, schedule: Schedule, seconds: float) -> None:
        if self._executor.num_jobs > 1:
            self._display.progress(schedule.describe(), seconds)
            return
        for _, job in schedule.running.values():
            self._display.progress(job.progress(), job.seconds())

    def _seconds(self, stage: Stage) -> float:
        stamp = self._stamps.read(stage)
        return stamp.seconds if stamp else 0.0

    def _pause(self, stage: Stage, seconds: float) -> None:
        # On a full disk, the error of the command says more than this one.
        with contextlib.suppress(OSError):
            self._stamps.pause(stage, seconds)


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
