"""Readers of point clouds and point labels.

A format of point clouds is one :class:`PointFormat` in ``POINT_FORMATS``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.bounded import file_size, read_bounded
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_checks import find_point_fault, is_plausible
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.structures import Points

MAX_POINTS = 2**22  # of one sweep
MISSING_REMEDY = (
    'check data_root and that the data set is complete, or skip such samples with on_error="skip".'
)


class PointFormat(NamedTuple):
    """Format of point clouds in files with one suffix.

    Attributes:
        decode: Called with the bytes of a file, its path for errors, the number of
            columns F and the type of a number; returns the points, float32, shape (N,
            F), or raises :class:`BrokenFileError`.
        count_points: Called with the path of a file, the number of columns and the type
            of a number; returns the number of points N, without reading them if the
            format allows.
    """

    decode: Callable[[bytes, Path, int, str], Points]
    count_points: Callable[[Path, int, str], int]


def read_points(
    path: str | Path, num_columns: int, dtype: str = "float32", *, check_layout: bool = False
) -> Points:
    """Read a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        num_columns: Number of columns F: x, y, z in m, intensity, ...
        dtype: Stored type of a number, one of ``POINT_DTYPES``.
        check_layout: Whether to compare rows with their neighbors as well, which finds
            another number of columns, but takes milliseconds.

    Returns:
        Points, float32, shape (N, F).

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold whole rows, or no plausible positions.
        ValueError: If no reader knows its suffix.
    """
    decode = _get_format(path).decode
    max_bytes = _row_bytes(num_columns, dtype) * MAX_POINTS
    data = read_bounded(path, "LiDAR sweep", MISSING_REMEDY, max_bytes)
    points = decode(data, Path(path), num_columns, dtype)
    fault = find_point_fault(points)
    guess = ""
    if fault:
        guess = find_layout_fault(data, num_columns, dtype)
    elif check_layout and len(whole := points[is_plausible(points)]):
        guess = find_layout_fault(whole.tobytes(), num_columns)
    reasons = "; ".join(filter(None, [fault, guess and f"it {guess}"]))
    if reasons:
        raise BrokenFileError(
            f"{path} does not hold points as {num_columns} {dtype} per row: {reasons}. Copy the "
            "file again, convert the data set with its true columns and types, or skip such "
            'samples with on_error="skip".'
        )
    return points


def count_stored_points(path: str | Path, num_columns: int, dtype: str = "float32") -> int:
    """Return the number of points in the file of a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        num_columns: Number of columns F.
        dtype: Stored type of a number.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold whole rows.
        ValueError: If no reader knows its suffix.
    """
    return _get_format(path).count_points(Path(path), num_columns, dtype)


def read_labels(
    path: str | Path,
    dtype: np.dtype[Any],
    points_path: str | Path,
    num_columns: int,
    points_dtype: str = "float32",
) -> NDArray[Any]:
    """Read one label per point of a point cloud.

    Args:
        path: File of labels.
        dtype: How the file stores a label.
        points_path: File of the point cloud.
        num_columns: Number of columns of the point cloud.
        points_dtype: Stored type of its numbers.

    Returns:
        Labels as they are stored, shape (N,).

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold one label per point.
    """
    num_bytes = file_size(path, "point labels", MISSING_REMEDY)
    num_points = count_stored_points(points_path, num_columns, points_dtype)
    if num_bytes != num_points * dtype.itemsize:
        raise BrokenFileError(
            f"{path} must hold {num_points} labels of {dtype}, one for each point of "
            f"{points_path}, but got {num_bytes} bytes; check dtype and copy both files again."
        )
    return np.frombuffer(read_bounded(path, "point labels", MISSING_REMEDY), dtype=dtype)


def _get_format(path: str | Path) -> PointFormat:
    suffix = Path(path).suffix
    if suffix not in POINT_FORMATS:
        raise ValueError(
            f"No reader for the point cloud {path}; the known suffixes are "
            f"{', '.join(POINT_FORMATS)}. Convert the file, or add its format to POINT_FORMATS."
        )
    return POINT_FORMATS[suffix]


def _row_bytes(num_columns: int, dtype: str) -> int:
    return num_columns * np.dtype(dtype).itemsize


def _decode_rows(data: bytes, path: Path, num_columns: int, dtype: str) -> Points:
    _check_rows(len(data), path, num_columns, dtype)
    rows = np.frombuffer(data, dtype=dtype).reshape(-1, num_columns)
    with np.errstate(over="ignore"):  # what float32 cannot hold is no position either
        return rows.astype(np.float32, copy=False)


def _count_rows(path: Path, num_columns: int, dtype: str) -> int:
    num_bytes = file_size(path, "LiDAR sweep", MISSING_REMEDY)
    _check_rows(num_bytes, path, num_columns, dtype)
    return num_bytes // _row_bytes(num_columns, dtype)


def _check_rows(num_bytes: int, path: Path, num_columns: int, dtype: str) -> None:
    if num_bytes % _row_bytes(num_columns, dtype) or not num_bytes:
        raise BrokenFileError(
            f"{path} must hold rows of {num_columns} {dtype}, but got {num_bytes} bytes: it is "
            "cut off, or num_pts_feats of the info file is wrong. Copy the file again, or skip "
            'such samples with on_error="skip".'
        )


# Rows of numbers and nothing else, as nuScenes and SemanticKITTI store them.
POINT_FORMATS = {".bin": PointFormat(_decode_rows, _count_rows)}
