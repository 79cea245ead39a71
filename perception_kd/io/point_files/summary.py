"""Summary of one file of points, and a layout that fits it."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.fields import INTENSITY_NAMES, StoredPoints
from perception_kd.io.point_files.readers import is_raw, read_bytes, read_stored
from perception_kd.io.point_layout import guess_rows
from perception_kd.structures import PointLayout

_FULL_SCALE = 255.0  # of nuScenes
_SCALES = (1.0, _FULL_SCALE, 65535.0)  # of stored intensities
_MAX_METERS = 1e3


class FieldSummary(NamedTuple):
    """One field, or one column without a name.

    Attributes:
        name: Its name, or its index where columns have no names.
        dtype: Type of a value.
        lowest: Smallest finite value; NaN if there is none.
        largest: Largest finite value.
        num_invalid: Number of values that are NaN or infinite.
    """

    name: str | int
    dtype: str
    lowest: float
    largest: float
    num_invalid: int


class PointSummary(NamedTuple):
    """Content of a file of points.

    Attributes:
        num_points: N.
        fields: Its fields or columns, in their order.
    """

    num_points: int
    fields: tuple[FieldSummary, ...]

    def __str__(self) -> str:
        lines = [f"{self.num_points:,} points"]
        for field in self.fields:
            span = f"{field.lowest:.6g} .. {field.largest:.6g}"
            invalid = f", {field.num_invalid} NaN or infinite" if field.num_invalid else ""
            lines.append(f"{field.name}: {field.dtype}, {span}{invalid}")
        return "\n".join(lines)


class LayoutProposal(NamedTuple):
    """A layout that fits a file, and what to check about it.

    Attributes:
        layout: The layout.
        notes: What was guessed or not found, one sentence each.
    """

    layout: PointLayout
    notes: tuple[str, ...]


def summarize_points(path: str | Path, layout: PointLayout | None = None) -> PointSummary:
    """Return the fields of a file of points with their types and ranges.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        layout: Number of columns and type of raw rows, for ``.bin`` files; None guesses
            them from the numbers.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is damaged, or raw rows look like no layout.
        ImportError: If the library that reads its format is missing.
        ValueError: If no reader knows its suffix.
    """
    return _summarize(read_stored(path, layout or _guess_raw(path)))


def propose_layout(path: str | Path) -> LayoutProposal:
    """Return a layout for a file of points, from the names and ranges of its fields.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is damaged, raw rows look like no layout, or there are no
            fields x, y and z.
        ImportError: If the library that reads its format is missing.
        ValueError: If no reader knows its suffix.
    """
    rows = _guess_raw(path)
    fields = _summarize(read_stored(path, rows)).fields
    notes = [f"{rows.num_columns} {rows.dtype} per point are a guess"] if is_raw(path) else []
    if isinstance(fields[0].name, int):
        notes.append("columns have no names; the first are taken as x, y, z, intensity")
        chosen: list[FieldSummary | None] = [*fields[:4], *[None] * (4 - len(fields))]
    else:
        by_name = {str(field.name).lower(): field for field in fields}
        missing = {"x", "y", "z"} - set(by_name)
        if missing:
            names = ", ".join(str(field.name) for field in fields)
            raise BrokenFileError(
                f"{path} has no fields {', '.join(sorted(missing))}; it has {names}. Name the "
                "fields that are x, y, z and intensity."
            )
        found = next((by_name[name] for name in INTENSITY_NAMES if name in by_name), None)
        chosen = [*(by_name[axis] for axis in "xyz"), found]
    scale = _propose_scale(chosen[3], notes)
    layout = PointLayout(
        rows.num_columns,
        rows.dtype,
        tuple(None if field is None else field.name for field in chosen),
        scale,
        unit=_propose_unit(chosen[:3], notes),
    )
    return LayoutProposal(layout, tuple(notes))


def _guess_raw(path: str | Path) -> PointLayout:
    """Return the number of columns and the type of raw rows; the default for others."""
    if not is_raw(path):
        return PointLayout()
    guess = guess_rows(read_bytes(path))
    if guess is None:
        raise BrokenFileError(
            f"{path} does not look like rows of points; give the number of columns and the type of "
            "a number."
        )
    return PointLayout(*guess, columns=(0, 1, 2, None if guess[0] == 3 else 3))


def _summarize(stored: StoredPoints) -> PointSummary:
    columns: dict[Any, Any] = (
        dict(enumerate(stored.T)) if isinstance(stored, np.ndarray) else dict(stored)
    )
    fields = []
    for name, column in columns.items():
        is_number = column.dtype.kind in "fiub"
        values = column[np.isfinite(column)] if is_number else column[:0]
        span = (float(values.min()), float(values.max())) if len(values) else (np.nan, np.nan)
        fields.append(FieldSummary(name, str(column.dtype), *span, len(column) - len(values)))
    return PointSummary(len(next(iter(columns.values()))), tuple(fields))


def _propose_scale(field: FieldSummary | None, notes: list[str]) -> float:
    if field is None:
        notes.append("no intensity was found: it will be 0")
        return 1.0
    full = next((scale for scale in _SCALES if not field.largest > scale), None)
    if full is None or field.lowest < 0:
        notes.append(
            f"the intensity {field.name} has {field.lowest:.6g} .. {field.largest:.6g}; choose the "
            "factor that makes it 0 .. 255"
        )
        return 1.0
    if full != _FULL_SCALE:
        notes.append(f"the intensity {field.name} seems to be 0 .. {full:g}; it becomes 0 .. 255")
    return _FULL_SCALE / full


def _propose_unit(position: list[FieldSummary | None], notes: list[str]) -> float:
    axes = [field for field in position if field is not None]
    size = max(max(abs(field.lowest), abs(field.largest)) for field in axes)
    if not size > _MAX_METERS:
        return 1.0
    if all("int" in field.dtype for field in axes):
        notes.append(f"positions are integers up to {size:.0f}; they are taken as mm")
        return 0.001
    notes.append(
        f"positions reach {size:.6g}: if they are on a map, give the place of the sensor as origin"
    )
    return 1.0
