"""A chain of commands that can be stopped anywhere and started again.

Each stage leaves a stamp, ``stages/<name>.json`` in the work dir: while it runs, with
what it was started with; when it has ended well, also with its files, their sizes and
their hash. A stage is done while its settings, the hashes of its inputs and the sizes
of its files are those of its stamp; otherwise it runs again, and so does what reads
what it made, if that has changed.
"""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd import __version__
from perception_kd.io.atomic import write_json


class DemoError(Exception):
    """Something that the user can mend, with the way out."""


@dataclass(frozen=True)
class Stage:
    """One command, as a user would type it.

    Attributes:
        name: Unique; of the stamp and the log.
        about: What it does, for the reader of the terminal.
        command: What follows ``python``.
        outputs: Patterns (``glob``, ``**`` for all depths) of the files that it leaves.
        inputs: Names of the stages whose outputs it reads.
        config: Settings that the command takes from files, as JSON types.
        resume: Options with which the command goes on where it was stopped.
        local: Options that change how fast it runs, and nothing else.
        folder: Folder that is all its own, emptied before it starts anew.
    """

    name: str
    about: str
    command: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    resume: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    folder: Path | None = None

    def files(self) -> dict[str, int]:
        """Return the size in bytes of each output that is there, by path."""
        paths = sorted(p for pattern in self.outputs for p in glob.iglob(pattern, recursive=True))
        return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


class Plan(NamedTuple):
    """What is to be done with a stage.

    Attributes:
        action: "skip"; "start" anew; "resume" where it was stopped; or, in a forecast,
            "wait" for a stage before it.
        reason: Why it starts, or may start, anew although it ran before; else empty.
    """

    action: str
    reason: str = ""


class Stamps:
    """The stamps of a work dir.

    Args:
        folder: Folder of the stamps; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, stage: Stage) -> dict[str, Any]:
        """Return a stage's stamp; empty where it has none that can be read."""
        try:
            stamp = json.loads(self._path(stage).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def plan(self, stage: Stage, settings: Mapping[str, Any]) -> Plan:
        """Decide what to do with a stage.

        Args:
            stage: The stage.
            settings: From :meth:`settings_of`.
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
        return Plan("start", f"{broken} is missing or not as it was") if broken else Plan("skip")

    def settings_of(self, stage: Stage, stages: Sequence[Stage]) -> dict[str, Any]:
        """Return all that decides what a stage makes, as JSON types.

        Args:
            stage: The stage.
            stages: All stages, for the hashes of those that it reads from.
        """
        by_name = {other.name: other for other in stages}
        settings: dict[str, Any] = {"the version": __version__, "the command": list(stage.command)}
        settings |= {f"the output of {n}": self.read(by_name[n]).get("hash") for n in stage.inputs}
        settings |= {f"the setting {name}": value for name, value in stage.config.items()}
        # As it will be read back: tuples as lists, keys as text.
        content: dict[str, Any] = json.loads(json.dumps(settings))
        return content

    def begin(self, stage: Stage, settings: Mapping[str, Any], plan: Plan) -> None:
        """Note that a stage starts, and remove what is left of an earlier, other run.

        Raises:
            DemoError: If that would remove what was there before the first start.
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
        """Note the time of a run that did not reach the end."""
        stamp = self.read(stage)
        self._write(stage, {**stamp, "seconds": stamp["seconds"] + seconds})

    def end(self, stage: Stage, seconds: float) -> None:
        """Note that a stage has ended well.

        Raises:
            DemoError: If it left nothing where its outputs should be.
        """
        stamp, files = self.read(stage), stage.files()
        empty = [
            p for p in stage.outputs if not any(map(os.path.isfile, glob.iglob(p, recursive=True)))
        ]
        if empty:
            raise DemoError(
                f"{stage.name} must leave {', '.join(empty)}, but did not; see its log."
            )
        stamp |= {
            "seconds": stamp["seconds"] + seconds,
            "files": files,
            "hash": _hash_files(files),
            "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "done": True,
        }
        self._write(stage, stamp)

    def forget(self, stage: Stage) -> None:
        """Let a stage that has ended run again."""
        stamp = self.read(stage)
        if stamp:
            self._write(stage, {**stamp, "settings": {"asked for": "again"}})

    def _path(self, stage: Stage) -> Path:
        return self.folder / f"{stage.name}.json"

    def _write(self, stage: Stage, stamp: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path(stage), stamp)


def _first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first name whose values differ, or nothing."""
    names = [*now, *(name for name in before if name not in now)]
    return next(
        (n for n in names if before.get(n) != now.get(n) or (n in before) != (n in now)), ""
    )


def _remove_outputs(stage: Stage, stamp: Mapping[str, Any]) -> None:
    """Remove what an earlier run of a stage made, and nothing that was there before."""
    if stage.folder is not None:
        if stage.folder.exists() and not stamp:
            raise DemoError(
                f"{stage.folder} must not be there before {stage.name} makes it; remove it, or "
                "give another --work-dir."
            )
        shutil.rmtree(stage.folder, ignore_errors=True)
        return
    files = list(stamp.get("files", {}))
    if files and stamp.get("found"):
        raise DemoError(
            f"{stage.name} must run again, but {os.path.commonpath(files)} was not made by this "
            "demo; remove it, or name another folder."
        )
    for path in files:
        Path(path).unlink(missing_ok=True)
    for folder in sorted(_folders(files), key=len, reverse=True):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _folders(files: Sequence[str]) -> Iterator[str]:
    """Yield the folders below the common one that files lie in."""
    top = Path(os.path.commonpath(files)) if files else Path()
    seen = {parent for path in files for parent in Path(path).parents}
    yield from (str(folder) for folder in seen if folder.is_relative_to(top))


def _hash_files(files: Mapping[str, int]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        digest.update(f"{path}\0{content}\n".encode())
    return digest.hexdigest()
