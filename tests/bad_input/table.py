"""The grid of bad inputs: what each reader does with each fault.

The modules ``cells_*.py`` add the cells. ``docs/errors.md`` is their text; write it
with ``python -m tests.bad_input.page`` after a change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAULTS = (
    "missing",
    "empty",
    "truncated",
    "garbage",
    "wrong shape",
    "wrong dtype",
    "NaN/inf",
    "huge",
    "other version",
    "other data set",
)
READERS = (
    "point cloud",
    "PCD file",
    "PLY file",
    "NPY file",
    "NPZ file",
    "LAS file",
    "LAZ file",
    "image",
    "point labels",
    "superpixels",
    "regions",
    "info file",
    "map",
    "checkpoint",
    "config",
    "list of scenes",
    "table",
    "manifest",
    "stamp",
    "cache of a teacher",
    "model folder",
    "rig file",
    "file of poses",
    "splits.json",
    "file of a label sweep",
)

Run = Callable[[Path], Any]


@dataclass(frozen=True)
class Cell:
    """One reader with one fault.

    Attributes:
        reader: One of ``READERS``.
        fault: One of ``FAULTS``, or a further one.
        says: What happens, for the page.
        run: Does the damage in an empty folder and reads; checks what it accepts.
        message: Pattern of the one line of the error; None where the input is accepted.
        error: Class of the error.
    """

    reader: str
    fault: str
    says: str
    run: Run
    message: str | None = None
    error: type[Exception] = ValueError


CELLS: dict[tuple[str, str], Cell] = {}
# Cells without a test, with the reason.
NOT_APPLICABLE: dict[tuple[str, str], str] = {}


def refused(
    reader: str, fault: str, says: str, message: str, error: type[Exception] = ValueError
) -> Callable[[Run], Run]:
    """Add a cell whose function must raise an error with this message."""

    def add(run: Run) -> Run:
        _add(Cell(reader, fault, f"refused: {says}", run, message, error))
        return run

    return add


def accepted(reader: str, fault: str, says: str) -> Callable[[Run], Run]:
    """Add a cell whose function checks what is made of the input."""

    def add(run: Run) -> Run:
        _add(Cell(reader, fault, f"accepted: {says}", run))
        return run

    return add


def not_applicable(reader: str, fault: str, reason: str) -> None:
    """Say why a cell has no test."""
    NOT_APPLICABLE[reader, fault] = f"cannot occur: {reason}"


def _add(cell: Cell) -> None:
    key = cell.reader, cell.fault
    assert key not in CELLS, key
    CELLS[key] = cell


def faults_of(reader: str) -> list[str]:
    """Return the faults of a reader, in the order of the page."""
    keys = [*CELLS, *NOT_APPLICABLE]
    further = [fault for name, fault in keys if name == reader and fault not in FAULTS]
    return [*(f for f in FAULTS if (reader, f) in keys), *further]
