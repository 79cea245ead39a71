"""Stages: the single commands of an experiment."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class ExperimentError(ValueError):
    """An error that the user can fix; its message says how."""


@dataclass(frozen=True)
class Stage:
    """One command of an experiment, as a user would type it.

    Attributes:
        name: Unique name, also of the stamp and the log.
        about: One line for the terminal that says what the stage does.
        command: Arguments of ``python``.
        outputs: Patterns of the files that the stage writes (``glob``; ``**`` matches
            any depth).
        inputs: Names of the stages whose outputs it reads.
        config: Settings that the command reads from files, as JSON types.
        resume: Options that make the command continue where it was interrupted.
        local: Options that change only how fast it runs.
        folder: Directory owned by the stage; deleted before a fresh start.
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
        """Return the size in bytes of each existing output file, by path."""
        paths = sorted(p for pattern in self.outputs for p in glob.iglob(pattern, recursive=True))
        return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}

    def missing_outputs(self) -> list[str]:
        """Return the output patterns that match no file."""
        return [
            pattern
            for pattern in self.outputs
            if not any(map(os.path.isfile, glob.iglob(pattern, recursive=True)))
        ]
