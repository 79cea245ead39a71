"""Schedule of the stages of a run: those that wait, run, and have failed."""

from collections.abc import Sequence

from perception_kd.experiments.executors import RunningJob
from perception_kd.experiments.stages import Stage


class Schedule:
    """Stages that are run, each after those that it reads from.

    Args:
        stages: The stages to run. What they read from other stages is there already.

    Attributes:
        running: Stages that run, with their jobs, by name.
        failures: Why stages have failed or were not run, by name.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.running: dict[str, tuple[Stage, RunningJob]] = {}
        self.failures: dict[str, str] = {}
        self._waiting = {stage.name: stage for stage in stages}
        self._taken: set[str] = set()
        self._total = len(stages)

    def __bool__(self) -> bool:
        """Return whether a stage waits or runs."""
        return bool(self._waiting or self._taken)

    def take_ready(self) -> Stage | None:
        """Take the first waiting stage that can run now; None if there is none.

        Stages that read from a failed one are failures, too.
        """
        for stage in list(self._waiting.values()):
            broken = next((name for name in stage.inputs if name in self.failures), "")
            if broken:
                del self._waiting[stage.name]
                self.fail(stage, f"was not run, since {broken} failed")
            elif not any(name in self._waiting or name in self._taken for name in stage.inputs):
                self._taken.add(stage.name)
                return self._waiting.pop(stage.name)
        return None

    def begin(self, stage: Stage, job: RunningJob) -> None:
        """Record that a stage that was taken runs."""
        self.running[stage.name] = (stage, job)

    def end(self, stage: Stage) -> None:
        """Record that a stage that was taken is done."""
        self._taken.discard(stage.name)
        self.running.pop(stage.name, None)

    def fail(self, stage: Stage, reason: str) -> None:
        """Record that a stage has failed or cannot be run."""
        self.end(stage)
        self.failures[stage.name] = reason

    def describe(self) -> str:
        """Return in one line how many stages are done and what the others do."""
        done = self._total - len(self._waiting) - len(self._taken) - len(self.failures)
        failed = f", {len(self.failures)} failed" if self.failures else ""
        jobs = (f"{name}: {job.progress()}" for name, (_, job) in self.running.items())
        return "  ".join([f"{done} of {self._total} done{failed}", *jobs])
