"""Stamps that record whether stages are done, interrupted or out of date.

A stage has a stamp, ``stages/<name>.json`` in the work dir. While the stage runs, the
stamp holds the settings it was started with; once it has succeeded, also the
fingerprints of its output files. A stage is up to date as long as its settings, the
contents of its inputs and those of its own files match the stamp. Otherwise it is run
again, and so are the stages that read its outputs if those have changed.

A stamp names files relative to the work dir and the data root, so a folder that is
moved or copied is as complete as before.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.experiments.clearing import Clearing
from perception_kd.experiments.fingerprints import combine, update_fingerprints
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamp_format import FORMAT, Stamp, StampError, parse_stamp
from perception_kd.io.atomic import write_json
from perception_kd.version import __version__


class Plan(NamedTuple):
    """The next action for a stage.

    Attributes:
        action: "skip", "start" (from scratch), "resume" (where it was interrupted), or,
            in a forecast, "wait" for an earlier stage.
        reason: Why a stage that has run before is, or may be, started again; otherwise
            empty.
    """

    action: str
    reason: str = ""


class Stamps:
    """The stamps of a work dir.

    Args:
        work_dir: The work dir; ``stages`` in it is created with the first stamp.
        folders: The folders that stages may write to.
    """

    def __init__(self, work_dir: Path, folders: Folders) -> None:
        self.folder = work_dir / "stages"
        self._folders = folders
        self._clearing = Clearing(folders)

    def read(self, stage: Stage) -> Stamp | None:
        """Return the stamp of a stage; None where it is missing or unusable."""
        try:
            return self._read(stage)
        except StampError:
            return None

    def plan(self, stage: Stage, settings: Mapping[str, Any], *, quick: bool = False) -> Plan:
        """Decide what to do with a stage.

        Args:
            stage: The stage.
            settings: Its current settings, from :meth:`settings_of`.
            quick: Read no file again whose size and times are unchanged.
        """
        try:
            stamp = self._read(stage)
        except StampError as error:
            return Plan("start", str(error))
        if stamp is None:
            return Plan("start")
        changed = _first_difference(stamp.settings, settings)
        if changed:
            return Plan("start", f"{changed} changed")
        if not stamp.done:
            return Plan("resume")
        files = self._clearing.recorded_files(stage, stamp)
        now = update_fingerprints(stamp.files, files, quick=quick)
        digests = {name: fingerprint.digest for name, fingerprint in now.items()}
        broken = next((n for n, f in stamp.files.items() if digests.get(n) != f.digest), "")
        if broken:
            return Plan("start", f"{self._folders.find(broken)} is missing or was modified")
        return Plan("skip")

    def settings_of(self, stage: Stage, stages: Sequence[Stage]) -> dict[str, Any]:
        """Return everything that determines the outputs of a stage, as JSON types.

        Args:
            stage: The stage.
            stages: All stages, for the hashes of those that it reads from.
        """
        by_name = {other.name: other for other in stages}
        settings: dict[str, Any] = {
            "the version": __version__,
            "the command": [self._folders.rename(word) for word in stage.command],
        }
        for name in stage.inputs:
            stamp = self.read(by_name[name])
            settings[f"the output of {name}"] = stamp.hash if stamp else None
        settings |= {f"the setting {name}": value for name, value in stage.config.items()}
        # As it will be read back: tuples become lists, keys become text.
        content: dict[str, Any] = json.loads(json.dumps(settings))
        return content

    def begin(self, stage: Stage, settings: Mapping[str, Any], plan: Plan) -> None:
        """Record that a stage starts, and remove the outputs of an outdated run.

        Raises:
            ExperimentError: If that would remove files that no stage has written.
        """
        stamp, has_run = self.read(stage), self._path(stage).exists()
        found = stamp.found if stamp else self._clearing.has_foreign_files(stage, has_run)
        if plan.action == "start":
            self._clearing.remove_outputs(stage, stamp, has_run)
        seconds = stamp.seconds if stamp and plan.action == "resume" else 0.0
        self._write(stage, Stamp(settings=dict(settings), seconds=seconds, found=found))

    def pause(self, stage: Stage, seconds: float) -> None:
        """Add the wall time in s of a run that was interrupted or failed."""
        stamp = self.read(stage)
        if stamp:
            self._write(stage, stamp._replace(seconds=stamp.seconds + seconds))

    def confirm(self, stage: Stage) -> None:
        """Record the times of unchanged files, which differ in a copied folder."""
        stamp = self.read(stage)
        if stamp:
            files = self._clearing.recorded_files(stage, stamp)
            now = update_fingerprints(stamp.files, files, quick=True)
            if now != stamp.files and combine(now) == stamp.hash:
                self._write(stage, stamp._replace(files=now))

    def end(self, stage: Stage, seconds: float) -> None:
        """Record that a stage has succeeded, ``seconds`` after it was started.

        Raises:
            ExperimentError: If an output is missing.
        """
        missing = stage.missing_outputs()
        if missing:
            raise ExperimentError(
                f"{stage.name} ended without writing {', '.join(missing)}; see its log."
            )
        stamp = self.read(stage)
        if stamp is None:
            raise ExperimentError(f"{self._path(stage)} was changed while {stage.name} ran.")
        files = update_fingerprints({}, self._clearing.named_files(stage), quick=True)
        owner = "" if stamp.found else self._clearing.sign(stage)
        self._write(
            stage,
            stamp._replace(
                seconds=stamp.seconds + seconds,
                done=True,
                files=files,
                hash=combine(files),
                owner=owner,
                ended=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            ),
        )

    def forget(self, stage: Stage) -> None:
        """Mark a stage as out of date, so that it is run again."""
        stamp = self.read(stage)
        if stamp:
            self._write(stage, stamp._replace(settings={"asked for": "again"}))

    def _read(self, stage: Stage) -> Stamp | None:
        path = self._path(stage)
        return parse_stamp(path, self._folders) if path.exists() else None

    def _path(self, stage: Stage) -> Path:
        return self.folder / f"{stage.name}.json"

    def _write(self, stage: Stage, stamp: Stamp) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path(stage), {"format": FORMAT, "stage": stage.name, **stamp._asdict()})


def _first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first name whose values differ or that only one side has, if any."""
    names = [*now, *(name for name in before if name not in now)]
    return next(
        (n for n in names if before.get(n) != now.get(n) or (n in before) != (n in now)), ""
    )
