"""LAS files and compressed LAZ files, point formats 0 to 10."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.io.bounded import MAX_BYTES, read_bounded
from perception_kd.io.errors import MISSING_REMEDY, BrokenFileError
from perception_kd.io.point_files.fields import (
    Column,
    StoredPoints,
    broken,
    check_number_of_points,
    import_reader,
)
from perception_kd.structures import PointLayout

_MIN_HEADER = 227  # bytes
_MAX_POINT_FORMAT = 10
_VLR_BYTES = 54  # of the head of a variable length record
_STORED_POSITION = ("X", "Y", "Z")


def decode_las(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a LAS or LAZ file.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Not used: the file names its dimensions.

    Returns:
        x, y and z, scaled, as float64, and all other dimensions by name, each (N,).

    Raises:
        BrokenFileError: If it is damaged.
        ImportError: If laspy, or lazrs for LAZ files, is missing.
    """
    laspy = import_reader("laspy", path)
    header = _read_header(data, path, laspy)
    with _explain(path):
        # One thread: the others of lazrs take as much memory as the file claims.
        backend = laspy.LazBackend.Lazrs
        reader = laspy.LasReader(io.BytesIO(data), laz_backend=backend, read_evlrs=False)
        points = reader.read_points(-1)
        if len(points) != header.point_count:
            raise broken(
                path, f"has {len(points):,} of {header.point_count:,} points; it is cut off"
            )
        columns: dict[str, Column] = {name: np.asarray(points[name]) for name in ("x", "y", "z")}
        for name in header.point_format.dimension_names:
            if name not in _STORED_POSITION:
                columns |= _split(name, np.asarray(points[name]))
    return columns


def count_las(path: Path, layout: PointLayout) -> int:
    """Return the number of points that the header of a LAS or LAZ file says.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the header is damaged.
        ImportError: If laspy is missing.
    """
    data = read_bounded(path, "LiDAR sweep", MISSING_REMEDY)
    num_points: int = _read_header(data, path, import_reader("laspy", path)).point_count
    return num_points


def _read_header(data: bytes, path: Path, laspy: Any) -> Any:
    """Return laspy's header, after a comparison with the size of the file."""
    _check_start(data, path)
    with _explain(path):
        header = laspy.LasHeader.read_from(io.BytesIO(data))
        check_number_of_points(path, header.point_count, "its header")
        needed = header.point_count * header.point_format.size
        stored = len(data) - header.offset_to_point_data
        if header.are_points_compressed:
            _check_chunks(data, path, header)
        if needed > (MAX_BYTES if header.are_points_compressed else stored):
            raise broken(
                path,
                f"has {stored:,} bytes of points, but its header says {header.point_count:,} "
                f"points of {header.point_format.size} bytes",
            )
    return header


def _check_start(data: bytes, path: Path) -> None:
    """Check version, point format, and the number of records, which laspy reads."""
    if not data.startswith(b"LASF") or len(data) < _MIN_HEADER:
        raise broken(path, "has no header of a LAS file")
    major, minor, point_format = data[24], data[25], data[104] & 0x3F  # without compression
    if major != 1 or minor > 5:
        raise broken(path, f"has version {major}.{minor} of LAS, but known are 1.0 to 1.5")
    if point_format > _MAX_POINT_FORMAT:
        raise broken(path, f"has point format {point_format}, but known are 0 to 10")
    offset, num_records = struct.unpack_from("<II", data, 96)
    if not num_records * _VLR_BYTES <= offset <= len(data):
        raise broken(
            path,
            f"has {num_records:,} records and points from byte {offset:,} by its header, but "
            f"{len(data):,} bytes",
        )


def _check_chunks(data: bytes, path: Path, header: Any) -> None:
    """Check the number of compressed chunks, for which lazrs allocates memory."""
    (place,) = struct.unpack_from("<q", data, header.offset_to_point_data)
    if place == -1:  # written by a stream: it stands at the end
        (place,) = struct.unpack_from("<q", data, len(data) - 8)
    if not header.offset_to_point_data < place <= len(data) - 8:
        raise broken(path, "has no table of its compressed chunks; it is cut off")
    lazrs = import_reader("lazrs", path)
    row_bytes = lazrs.LazVlr(header.vlrs.get("LasZipVlr")[0].record_data).item_size()
    if row_bytes != header.point_format.size:
        raise broken(path, f"has points of {header.point_format.size} and of {row_bytes} bytes")
    num_chunks = struct.unpack_from("<I", data, place + 4)[0]
    if num_chunks > header.point_count:
        raise broken(path, f"has {num_chunks:,} chunks for {header.point_count:,} points")


def _split(name: str, values: Column) -> dict[str, Column]:
    if values.ndim == 1:
        return {name: values}
    return {f"{name}[{i}]": column for i, column in enumerate(values.T)}


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    """Name the file in errors of laspy and lazrs, whatever they are."""
    try:
        yield
    except (BrokenFileError, ImportError):
        raise
    except Exception as error:
        raise broken(path, f"is not a readable LAS or LAZ file: {error}") from error
