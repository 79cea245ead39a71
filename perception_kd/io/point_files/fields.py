"""Result of a decoder, and points made from it by a layout."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import PointLayout, Points
from perception_kd.utils.extras import install_command

MAX_POINTS = 2**23  # of one sweep, or of several in one file
SKIP = 'skip such samples with on_error="skip"'
NAMED_COLUMNS = ("x", "y", "z", "intensity")
# What drivers and file formats call the intensity, the usual name first, in lower case.
INTENSITY_NAMES = (
    "intensity", "intensities", "i", "reflectivity", "reflectance", "remission", "scalar_intensity",
)  # fmt: skip

Column: TypeAlias = NDArray[Any]  # (N,)
# Columns without names, (N, F), or values by name of their field.
StoredPoints: TypeAlias = NDArray[Any] | Mapping[str, Column]
# What to do about a field that is missing, where an info file names the fields.
NAME_FIELDS = (
    "Name the fields that are x, y, z and intensity in columns of lidar_points (None for no "
    "intensity), and convert the data set again."
)


def broken(path: Path, fault: str) -> BrokenFileError:
    """Return the error about a file that is damaged or no file of its format."""
    return BrokenFileError(f"{path} {fault}. Copy the file again, or {SKIP}.")


def import_reader(module: str, path: Path) -> Any:
    """Import the library that reads a format, when the first such file is read.

    Raises:
        ImportError: If it is not installed, with the extra that has it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs the package {module} ({error}); install what reads point clouds "
            f"with: {install_command('points')}"
        ) from error


def check_number_of_points(path: Path, num_points: int, where: str) -> None:
    """Check what a header says before anything is allocated for it.

    Raises:
        BrokenFileError: If there are no points or more than any sweep has.
    """
    if not 0 < num_points <= MAX_POINTS:
        raise broken(path, f"has {num_points:,} points by {where}, not 1 .. {MAX_POINTS:,}")


def split_fields(rows: NDArray[Any]) -> dict[str, Column]:
    """Return the fields of a structured array, (N,) each.

    A field of several values, such as "normal", becomes "normal[0]", "normal[1]", ...
    """
    columns: dict[str, Column] = {}
    for name in rows.dtype.names or ():
        values = rows[name].reshape(len(rows), -1)
        if rows.dtype[name].shape:
            columns |= {f"{name}[{i}]": column for i, column in enumerate(values.T)}
        else:
            columns[name] = values[:, 0]
    return columns


def arrange(stored: StoredPoints, layout: PointLayout, path: Path) -> Points:
    """Return stored values as points in m in LiDAR coordinates.

    Args:
        stored: What a decoder returned, for N points.
        layout: Which columns to take, and how to change them.
        path: The file, for errors.

    Returns:
        x, y, z in m, intensity and further columns, float32, shape (N, F).

    Raises:
        BrokenFileError: If the file lacks a column, or a column has no numbers.
    """
    # What float32 cannot hold is not a position either.
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(stored, np.ndarray) and _is_plain(layout) and stored.shape[1] > 3:
            return _check_numbers(stored, path).astype(np.float32, copy=False)
        columns = _select(stored, layout, path)
        points = np.zeros((len(columns[0]), len(columns)), np.float32)
        for i, axis in enumerate(layout.axes):
            source, sign = "xyz".index(axis[-1]), -1 if axis[0] == "-" else 1
            points[:, i] = _scale(columns[source], layout.origin[source], sign * layout.unit)
        for i, column in enumerate(columns[3:], start=3):
            points[:, i] = _scale(column, 0.0, layout.intensity_scale if i == 3 else 1.0)
    return points


def _is_plain(layout: PointLayout) -> bool:
    """Return whether columns without names are points as they are."""
    return layout == PointLayout(layout.num_columns, layout.dtype)


def _scale(column: Column, offset: float, factor: float) -> Column:
    if offset == 0 and factor == 1:
        return column
    # Positions on a map need the digits of float64 until the sensor's is subtracted.
    return (column.astype(np.float64) - offset) * factor


def _select(stored: StoredPoints, layout: PointLayout, path: Path) -> list[Column]:
    """Return the columns of a layout, zeros for an intensity that is not stored."""
    fields: Mapping[Any, Column]
    if isinstance(stored, np.ndarray):
        if layout.columns is None and stored.shape[1] < len(NAMED_COLUMNS):
            raise BrokenFileError(
                f"{path} has {stored.shape[1]} columns without names, not x, y, z, intensity. "
                "Set columns of lidar_points to [0, 1, 2, None] if there is no intensity."
            )
        fields = dict(enumerate(stored.T))
        names = layout.columns or tuple(fields)
    else:
        fields, names = stored, layout.columns or NAMED_COLUMNS
    columns: list[Column] = []
    for name in names:
        column = np.zeros_like(columns[0]) if name is None else _find(fields, name, path)
        columns.append(_check_numbers(column, path, name))
    return columns


def _find(fields: Mapping[Any, Column], name: str | int, path: Path) -> Column:
    if name in fields:
        return fields[name]
    alike = [key for key in fields if str(key).lower() == str(name).lower()]
    if len(alike) == 1 and isinstance(name, str):
        return fields[alike[0]]
    raise BrokenFileError(
        f"{path} has no field {name!r}; it has {', '.join(map(str, fields))}. {NAME_FIELDS}"
    )


def _check_numbers(column: Column, path: Path, name: str | int | None = None) -> Column:
    if column.dtype.kind not in "fiub":
        where = "" if name is None else f" in field {name!r}"
        raise broken(path, f"has {column.dtype} instead of numbers{where}")
    return column
