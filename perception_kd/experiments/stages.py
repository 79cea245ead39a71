"""Stages: the single commands of an experiment."""

import glob
import os
import re
from collections.abc import Iterator, Mapping
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
        outputs: Patterns of the files that the stage writes, as for ``glob``; the names
            of given folders in them are escaped with ``glob.escape``. At the end of a
            pattern, ``**`` stands for all files below.
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

    def files(self) -> list[str]:
        """Return the paths of the existing output files."""
        return sorted({path for pattern in self.outputs for path in _find_files(pattern)})

    def missing_outputs(self) -> list[str]:
        """Return the output patterns that match no file."""
        return [pattern for pattern in self.outputs if not any(_find_files(pattern))]

    def territory(self) -> list[Path]:
        """Return the folders in which all files belong to the stage."""
        whole = [Path(_unescape(p[:-3])) for p in self.outputs if p.endswith("/**")]
        return whole if self.folder is None else [*whole, self.folder]


def _find_files(pattern: str) -> Iterator[str]:
    """Yield the files that match a pattern; hidden ones and folders are skipped."""
    if not pattern.endswith("/**"):
        yield from filter(os.path.isfile, glob.iglob(pattern))
        return
    # Unlike glob, os.walk does not follow links.
    for folder, names, files in os.walk(_unescape(pattern.removesuffix("/**"))):
        names[:] = [name for name in names if not name.startswith(".")]
        paths = (os.path.join(folder, name) for name in files if not name.startswith("."))
        yield from filter(os.path.isfile, paths)


def _unescape(pattern: str) -> str:
    """Undo ``glob.escape``."""
    return re.sub(r"\[([*?[])\]", r"\1", pattern)
