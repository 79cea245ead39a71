"""Layout of files of points: checks that their numbers can be coordinates.

A file of raw numbers says nothing about its layout: read with another number of columns
or another type, it still gives points, at wrong places. Here one file is compared with
what points of a LiDAR can be.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.column_roles import find_role_fault
from perception_kd.io.point_columns import POINT_DTYPES
from perception_kd.structures import Points

_MAX_DISTANCE_M = 10_000.0
_MAX_INTENSITY = 65_535
_MAX_RING = 1_023
_TINY_M = 1e-6
_UNITS_M = {"cm": 0.01, "mm": 0.001}
_USUAL_REACH_M, _LARGEST_REACH_M = 30.0, 300.0
_MIN_COLUMNS, _MAX_COLUMNS = 3, 12
_COMPARED = 40_000  # numbers
# A number may have the bytes of a shorter signature, which alone says nothing.
_SURE_BYTES = 4
_SIGNATURES = {
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"PK\x03\x04": "a zip archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
    b"\xfd7zXZ": "an xz archive; unpack it",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it",
    b"\x93NUMPY": "a NumPy file; name it .npy",
    b"# .PCD": "a PCD file; name it .pcd",
    b"VERSION": "a PCD file; name it .pcd",
    b"ply": "a PLY file; name it .ply",
    b"LASF": "a LAS file; name it .las or .laz",
    b"version https://git-lfs": "a pointer of Git LFS; run git lfs pull",
    b"<": "an HTML or XML page; download the file again",
}


def find_layout_fault(
    data: bytes, num_columns: int, dtype: str = "float32", names: Sequence[str] = ("x", "y", "z")
) -> str:
    """Return why a file cannot hold points of a layout.

    Args:
        data: Content of a file of raw numbers.
        num_columns: Number of columns F of a point; the first three are x, y, z in m.
        dtype: One of ``POINT_DTYPES``.
        names: Names of the first columns. Those called "intensity" and "ring" are
            checked too; x, y and z may have other places.

    Returns:
        What is wrong, with a guess of the true layout if there is one, as the end of a
        sentence about the file; empty if nothing is wrong.
    """
    if not data:
        return "is empty"
    signature = next(filter(data.startswith, _SIGNATURES), b"")
    if len(signature) >= _SURE_BYTES:
        return f"is {_SIGNATURES[signature]}"
    size = np.dtype(dtype).itemsize * num_columns
    unit = ""
    if len(data) % size:
        fault = f"has {len(data)} bytes, which are not whole rows of {num_columns} {dtype}"
    else:
        numbers = _read_numbers(data, dtype)
        points = numbers.reshape(-1, num_columns)
        fault = _find_fault(points, names)
        unit = fault and _guess_unit(points, names)
        fault = fault or _find_other_period(numbers, num_columns)
    if fault and signature:
        return f"is {_SIGNATURES[signature]}"
    return fault and fault + (unit or _guess(data, num_columns, dtype))


def find_column_fault(points: Points) -> str:
    """Return why columns of a sweep cannot be x, y and z, from a part of it.

    This is quick enough for every sweep of a training: it finds another number of
    columns, and columns that are shifted.

    Args:
        points: All columns of plausible points as they are stored, x, y, z in m first,
            shape (N, F).

    Returns:
        As :func:`find_layout_fault`, without a guess.
    """
    num_columns = points.shape[1]
    some = points[: _COMPARED // num_columns].astype(np.float64)
    return find_role_fault(dict(zip("xyz", points.T, strict=False))) or _find_other_period(
        some.ravel(), num_columns
    )


def guess_rows(data: bytes) -> tuple[int, str] | None:
    """Return the number of columns and the type that raw numbers seem to have.

    Args:
        data: Content of a file of raw numbers.

    Returns:
        Number of columns and one of ``POINT_DTYPES``; None if nothing fits.
    """
    for dtype in POINT_DTYPES:
        columns = _period(_measure_changes(_read_numbers(data, dtype)))
        if columns and not find_layout_fault(data, columns, dtype):
            return columns, dtype
    return None


def _read_numbers(data: bytes, dtype: str) -> NDArray[np.float64]:
    whole = len(data) // 8 * 8 if len(data) % np.dtype(dtype).itemsize else len(data)
    with np.errstate(invalid="ignore", over="ignore"):  # of signaling NaN
        return np.frombuffer(data[:whole], dtype).astype(np.float64)


def _find_fault(points: NDArray[np.float64], names: Sequence[str]) -> str:
    """Return why points (N, F) cannot be those of a LiDAR; empty if they can."""
    columns = dict(zip(names, points.T, strict=False))
    positions = np.stack([columns.get(name, points[:, i]) for i, name in enumerate("xyz")], axis=1)
    finite = np.isfinite(positions).all(axis=1)
    if finite.mean() < 0.9:
        return f"has {1 - finite.mean():.0%} of its points at NaN or infinity"
    positions = np.abs(positions[finite])
    far = (positions > _MAX_DISTANCE_M).any(axis=1).mean()
    if far > 0.001:
        return f"has {far:.1%} of its points farther away than {_MAX_DISTANCE_M / 1000:.0f} km"
    tiny = ((positions > 0) & (positions < _TINY_M)).mean()
    if tiny > 0.1 and len(positions) > 10:
        return f"has {tiny:.0%} of its coordinates below a micrometer"
    if len(positions) > 10 and not positions.any():
        return "has all of its points at the sensor"
    if "intensity" in columns and (share := _outside(columns["intensity"], _MAX_INTENSITY)) > 0.01:
        return f"has {share:.0%} of its intensities outside 0 .. {_MAX_INTENSITY}"
    if "ring" in columns:
        ring = columns["ring"]
        share = max(_outside(ring, _MAX_RING), float((ring != np.round(ring)).mean()))
        if share > 0.01:
            return f"has {share:.0%} of its rings that are not integers in 0 .. {_MAX_RING}"
    return find_role_fault(columns)


def _guess_unit(points: NDArray[np.float64], names: Sequence[str]) -> str:
    """Return the unit in which points (N, F) would be right, as words of a message."""
    reach = float(np.quantile(np.abs(points[:, :3]).max(axis=1), 0.95))
    if not 0 < reach < np.inf:
        return ""
    unit = min(_UNITS_M, key=lambda name: abs(np.log(reach * _UNITS_M[name] / _USUAL_REACH_M)))
    scaled = points.copy()
    scaled[:, :3] *= _UNITS_M[unit]
    if reach * _UNITS_M[unit] > _LARGEST_REACH_M or _find_fault(scaled, names):
        return ""
    return f"; it looks like positions in {unit}, and they must be in m"


def _outside(values: NDArray[np.float64], largest: float) -> float:
    """Return the share of values outside 0 .. ``largest``, NaN included."""
    return 1 - float(((values >= 0) & (values <= largest)).mean())


def _guess(data: bytes, num_columns: int, dtype: str) -> str:
    """Return the layout that a file seems to have, as the end of a message."""
    for other in POINT_DTYPES:
        changes = _measure_changes(_read_numbers(data, other))
        columns = _period(changes)
        if columns and (columns, other) != (num_columns, dtype):
            return f"; it looks like rows of {columns} {other}"
    return ""


def _find_other_period(numbers: NDArray[np.float64], num_columns: int) -> str:
    """Return a fault if the rows are clearly of another number of columns."""
    changes = _measure_changes(numbers)
    columns = _period(changes)
    here = changes.get(num_columns, np.inf)
    if not columns or num_columns % columns == 0 or here < 1.5 * changes[columns]:
        return ""
    return f"has rows that are unlike their neighbors with {num_columns} columns"


def _measure_changes(numbers: NDArray[np.float64]) -> dict[int, float]:
    """Return the change between rows by number of columns; empty if unknown."""
    numbers = numbers[:_COMPARED]
    usable = np.isfinite(numbers) & (np.abs(numbers) < _MAX_DISTANCE_M)
    usable &= (numbers == 0) | (np.abs(numbers) > _TINY_M)
    if len(numbers) < 10 * _MAX_COLUMNS or usable.mean() < 0.98:
        return {}
    numbers = np.where(usable, numbers, 0.0)
    lags = range(_MIN_COLUMNS, _MAX_COLUMNS + 1)
    return {lag: float(np.abs(numbers[lag:] - numbers[:-lag]).mean()) for lag in lags}


def _period(changes: dict[int, float]) -> int:
    """Return the number of columns with which neighboring rows are alike; 0 if none."""
    if not changes:
        return 0
    # A multiple of the number of columns is nearly as good; the smallest one counts.
    best = min(lag for lag, change in changes.items() if change <= 1.25 * min(changes.values()))
    return best if changes[best] < 0.8 * float(np.median(list(changes.values()))) else 0
