"""Stamps that record whether stages are done, interrupted or out of date.

A stage has a stamp, ``stages/<name>.json`` in the work dir. While the stage runs, the
stamp holds the settings it was started with; once it has succeeded, also the sizes of
its output files and their hash. A stage is up to date as long as its settings, the
hashes of its inputs and the sizes of its files match the stamp. Otherwise it is run
again, and so are the stages that read its outputs if those have changed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd import __version__
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.io.atomic import write_json


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
        folder: Folder of the stamps; created with the first stamp.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, stage: Stage) -> dict[str, Any]:
        """Return the stamp of a stage; empty where it is missing or unreadable."""
        try:
            stamp = json.loads(self._path(stage).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def plan(self, stage: Stage, settings: Mapping[str, Any]) -> Plan:
        """Decide what to do with a stage.

        Args:
            stage: The stage.
            settings: Its current settings, from :meth:`settings_of`.
        """
        stamp = self.read(stage)
        if not stamp:
            return Plan("start")
        changed = _first_difference(stamp.get("settings", {}), settings)
        if changed:
            return Plan("start", f"{changed} changed")
        if not stamp.get("done"):
            return Plan("resume")
        sizes = stage.files()
        broken = next((p for p, size in stamp["files"].items() if sizes.get(p) != size), "")
        return Plan("start", f"{broken} is missing or was modified") if broken else Plan("skip")

    def settings_of(self, stage: Stage, stages: Sequence[Stage]) -> dict[str, Any]:
        """Return everything that determines the outputs of a stage, as JSON types.

        Args:
            stage: The stage.
            stages: All stages, for the hashes of those that it reads from.
        """
        by_name = {other.name: other for other in stages}
        settings: dict[str, Any] = {"the version": __version__, "the command": list(stage.command)}
        settings |= {f"the output of {n}": self.read(by_name[n]).get("hash") for n in stage.inputs}
        settings |= {f"the setting {name}": value for name, value in stage.config.items()}
        # As it will be read back: tuples become lists, keys become text.
        content: dict[str, Any] = json.loads(json.dumps(settings))
        return content

    def begin(self, stage: Stage, settings: Mapping[str, Any], plan: Plan) -> None:
        """Record that a stage starts, and remove the outputs of an outdated run.

        Raises:
            ExperimentError: If that would remove files that no stage has written.
        """
        stamp = self.read(stage)
        found = stamp.get("found", bool(stage.files()))
        if plan.action == "start":
            _remove_outputs(stage, stamp)
        resumed = plan.action == "resume"
        self._write(
            stage,
            {
                "stage": stage.name,
                "settings": dict(settings),
                "seconds": stamp.get("seconds", 0.0) if resumed else 0.0,
                "found": found,
                "done": False,
            },
        )

    def pause(self, stage: Stage, seconds: float) -> None:
        """Add the wall time in s of a run that was interrupted or failed."""
        stamp = self.read(stage)
        self._write(stage, {**stamp, "seconds": stamp["seconds"] + seconds})

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
        stamp, files = self.read(stage), stage.files()
        stamp |= {
            "seconds": stamp["seconds"] + seconds,
            "files": files,
            "hash": _hash_files(files),
            "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "done": True,
        }
        self._write(stage, stamp)

    def forget(self, stage: Stage) -> None:
        """Mark a stage as out of date, so that it is run again."""
        stamp = self.read(stage)
        if stamp:
            self._write(stage, {**stamp, "settings": {"asked for": "again"}})

    def _path(self, stage: Stage) -> Path:
        return self.folder / f"{stage.name}.json"

    def _write(self, stage: Stage, stamp: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path(stage), stamp)


def _first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first name whose values differ or that only one side has, if any."""
    names = [*now, *(name for name in before if name not in now)]
    return next(
        (n for n in names if before.get(n) != now.get(n) or (n in before) != (n in now)), ""
    )


def _remove_outputs(stage: Stage, stamp: Mapping[str, Any]) -> None:
    """Remove what an earlier run of a stage wrote, but no file from before it."""
    if stage.folder is not None:
        if stage.folder.exists() and not stamp:
            raise ExperimentError(
                f"{stage.folder} already exists, but {stage.name} has not written it; remove it, "
                "or choose another --work-dir."
            )
        shutil.rmtree(stage.folder, ignore_errors=True)
        return
    files = list(stamp.get("files", {}))
    if files and stamp.get("found"):
        raise ExperimentError(
            f"{stage.name} has to run again, but {os.path.commonpath(files)} existed before its "
            "first run and would be overwritten; remove it, or choose another folder."
        )
    for path in files:
        Path(path).unlink(missing_ok=True)
    for folder in sorted(_folders(files), key=len, reverse=True):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _folders(files: Sequence[str]) -> Iterator[str]:
    """Yield the folders of some files, up to the common one."""
    top = Path(os.path.commonpath(files)) if files else Path()
    seen = {parent for path in files for parent in Path(path).parents}
    yield from (str(folder) for folder in seen if folder.is_relative_to(top))


def _hash_files(files: Mapping[str, int]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        digest.update(f"{path}\0{content}\n".encode())
    return digest.hexdigest()
