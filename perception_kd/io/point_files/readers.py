"""Readers of point clouds and point labels.

A format of point clouds is one :class:`PointFormat` in ``POINT_FORMATS``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.bounded import MAX_BYTES, file_size, read_bounded
from perception_kd.io.column_roles import find_order_fault, find_upright_fault
from perception_kd.io.errors import MISSING_REMEDY, BrokenFileError
from perception_kd.io.point_checks import find_point_fault, is_plausible
from perception_kd.io.point_files.fields import MAX_POINTS, StoredPoints, arrange
from perception_kd.io.point_files.las import count_las, decode_las
from perception_kd.io.point_files.npy import count_npy, count_npz, decode_npy, decode_npz
from perception_kd.io.point_files.pcd import count_pcd, decode_pcd
from perception_kd.io.point_files.ply import count_ply, decode_ply
from perception_kd.io.point_files.raw import count_rows, decode_rows, row_bytes
from perception_kd.io.point_layout import find_column_fault, find_layout_fault
from perception_kd.structures import PointLayout, Points

RAW = ".bin"
_PACKED = (".npz", ".las", ".laz")  # read as a whole to count their points


class PointFormat(NamedTuple):
    """Format of point clouds in files with one suffix.

    Attributes:
        decode: Called with the bytes of a file, its path for errors, and the layout;
            returns the stored values, or raises :class:`BrokenFileError`.
        count_points: Called with the path of a file and the layout; returns the number
            of points N, without reading them if the format allows.
    """

    decode: Callable[[bytes, Path, PointLayout], StoredPoints]
    count_points: Callable[[Path, PointLayout], int]


def read_points(path: str | Path, layout: PointLayout, *, check_layout: bool = False) -> Points:
    """Read a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        layout: How the file stores x, y, z and intensity.
        check_layout: Whether to check all values of raw rows. Otherwise a part of them
            is looked at, which takes half as long.

    Returns:
        x, y, z in m in LiDAR coordinates, intensity and further columns, float32, shape
        (N, F). Points that are not finite keep their rows.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is damaged, lacks a column of the layout, or holds no
            plausible positions.
        ImportError: If the library that reads its format is missing.
        ValueError: If no reader knows its suffix.
    """
    decode = _get_format(path).decode
    data = read_bytes(path, layout)
    points = arrange(decode(data, Path(path), layout), layout, Path(path))
    fault = find_point_fault(points)
    if not fault and points.shape[1] > 3 and not np.isfinite(points[:, 3]).any():
        fault = "no intensity is finite"
    if is_raw(path):
        _check_raw(path, layout, data, points, fault, check_layout)
    elif fault:
        raise BrokenFileError(
            f"{path} does not hold points in m around the sensor: {fault}. Check columns, unit and "
            "origin of lidar_points in the info file, and convert the data set again, or skip such "
            'samples with on_error="skip".'
        )
    return points


def read_stored(path: str | Path, layout: PointLayout) -> StoredPoints:
    """Read all columns of a file of points as they are stored.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        layout: Number of columns and type of raw rows.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is damaged.
        ImportError: If the library that reads its format is missing.
        ValueError: If no reader knows its suffix.
    """
    decode = _get_format(path).decode
    return decode(read_bytes(path, layout), Path(path), layout)


def read_bytes(path: str | Path, layout: PointLayout | None = None) -> bytes:
    """Read a file of points that is no larger than any sweep.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is larger, or cannot be read.
    """
    max_bytes = row_bytes(layout) * MAX_POINTS if layout and is_raw(path) else MAX_BYTES
    return read_bounded(path, "LiDAR sweep", MISSING_REMEDY, max_bytes)


def count_stored_points(path: str | Path, layout: PointLayout) -> int:
    """Return the number of points in the file of a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        layout: As in :func:`read_points`.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If its size or its header is wrong.
        ImportError: If the library that reads its format is missing.
        ValueError: If no reader knows its suffix.
    """
    return _get_format(path).count_points(Path(path), layout)


def find_size_fault(path: Path, layout: PointLayout) -> str:
    """Return why a file is too short for its points; empty if it is not.

    Files that must be decompressed to tell are only looked at for being empty.

    Args:
        path: The file; nothing is known about a suffix that is not in
            ``POINT_FORMATS``.
        layout: As in :func:`read_points`.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not file_size(path, "LiDAR sweep", MISSING_REMEDY):
        return f"{path} is empty"
    if path.suffix.lower() in _PACKED or path.suffix.lower() not in POINT_FORMATS:
        return ""
    try:
        count_stored_points(path, layout)
    except BrokenFileError as error:
        return str(error)
    return ""


def is_raw(path: str | Path) -> bool:
    """Return whether a file of points has rows of numbers only, by its suffix."""
    return Path(path).suffix.lower() == RAW


def read_labels(
    path: str | Path,
    dtype: np.dtype[Any],
    points_path: str | Path,
    layout: PointLayout,
) -> NDArray[Any]:
    """Read one label per point of a point cloud.

    Args:
        path: File of labels.
        dtype: How the file stores a label.
        points_path: File of the point cloud.
        layout: Layout of that file.

    Returns:
        Labels as they are stored, shape (N,).

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold one label per point.
    """
    num_bytes = file_size(path, "point labels", MISSING_REMEDY)
    num_points = count_stored_points(points_path, layout)
    if num_bytes != num_points * dtype.itemsize:
        raise BrokenFileError(
            f"{path} must hold {num_points} labels of {dtype}, one for each point of "
            f"{points_path}, but got {num_bytes} bytes; check dtype and copy both files again."
        )
    return np.frombuffer(read_bounded(path, "point labels", MISSING_REMEDY), dtype=dtype)


def _get_format(path: str | Path) -> PointFormat:
    suffix = Path(path).suffix.lower()
    if suffix not in POINT_FORMATS:
        raise ValueError(
            f"No reader for the point cloud {path}; the known suffixes are "
            f"{', '.join(POINT_FORMATS)}. Convert the file, or add its format to POINT_FORMATS."
        )
    return POINT_FORMATS[suffix]


def _check_raw(
    path: str | Path,
    layout: PointLayout,
    data: bytes,
    points: Points,
    fault: str,
    check_layout: bool,
) -> None:
    """Raise an error with a guess of the true layout if raw rows are not points."""
    num_columns, dtype = layout.num_columns, layout.dtype
    guess = ""
    if fault:
        guess = find_layout_fault(data, num_columns, dtype)
    elif layout.columns is None and len(whole := points[is_plausible(points)]):
        is_upright = layout.axes == PointLayout.axes
        guess = find_column_fault(whole) or find_order_fault(whole, is_upright=is_upright)
        if guess or check_layout:
            guess = find_layout_fault(whole.tobytes(), num_columns) or guess
        if check_layout and not guess and is_upright:
            guess = find_upright_fault(whole[:, :3])
    reasons = "; ".join(filter(None, [fault, guess and f"it {guess}"]))
    if reasons:
        raise BrokenFileError(
            f"{path} does not hold points as {num_columns} {dtype} per row: {reasons}. Copy the "
            "file again, convert the data set with its true columns and types, or skip such "
            'samples with on_error="skip".'
        )


POINT_FORMATS = {
    RAW: PointFormat(decode_rows, count_rows),
    ".pcd": PointFormat(decode_pcd, count_pcd),
    ".ply": PointFormat(decode_ply, count_ply),
    ".npy": PointFormat(decode_npy, count_npy),
    ".npz": PointFormat(decode_npz, count_npz),
    ".las": PointFormat(decode_las, count_las),
    ".laz": PointFormat(decode_las, count_las),
}
