"""PCD files of the Point Cloud Library: ascii, binary and binary_compressed.

pypcd4 0.5, the maintained reader, refuses fields with COUNT 0 and takes the values of
compressed fields with COUNT above 1 apart wrongly; hence these few lines.
"""

import io
import struct
from pathlib import Path

import numpy as np

from perception_kd.io.bounded import read_head
from perception_kd.io.errors import MISSING_REMEDY
from perception_kd.io.point_files.fields import (
    Column,
    StoredPoints,
    broken,
    import_reader,
    split_fields,
)
from perception_kd.io.point_files.pcd_header import (
    MAX_HEADER,
    PcdHeader,
    is_used,
    parse_header,
    value_type,
)
from perception_kd.structures import PointLayout

_MAX_RATIO = 264 / 3  # LZF makes at most 264 bytes of 3


def decode_pcd(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a PCD file.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Not used: the header names the fields.

    Returns:
        The fields by name, without padding, each (N,); a field of several values, such
        as "normal", becomes "normal[0]", "normal[1]", ...

    Raises:
        BrokenFileError: If it is damaged.
        ImportError: If it is compressed and python-neo-lzf is missing.
    """
    header = parse_header(data, path)
    if header.encoding == "binary":
        return _decode_binary(data, header, path)
    decode = _decode_ascii if header.encoding == "ascii" else _decode_compressed
    return decode(data[header.size :], header, path)


def count_pcd(path: Path, layout: PointLayout) -> int:
    """Return the number of points that the header of a PCD file says.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the header is damaged, or a binary file is cut off.
    """
    header = parse_header(read_head(path, "LiDAR sweep", MISSING_REMEDY, MAX_HEADER), path)
    if header.encoding == "binary":
        _check_size(header, path.stat().st_size - header.size, path)
    return header.num_points


def _decode_binary(data: bytes, header: PcdHeader, path: Path) -> StoredPoints:
    _check_size(header, len(data) - header.size, path)  # writers may pad the end of the file
    return split_fields(np.frombuffer(data, header.row_dtype, header.num_points, header.size))


def _decode_compressed(body: bytes, header: PcdHeader, path: Path) -> StoredPoints:
    if len(body) < 8:
        raise broken(path, "is cut off after its header")
    packed, unpacked = struct.unpack_from("<II", body)
    _check_size(header, unpacked, path)
    if packed > len(body) - 8 or unpacked > packed * _MAX_RATIO:
        raise broken(
            path, f"has {len(body) - 8:,} compressed bytes, of {packed:,} for {unpacked:,} bytes"
        )
    try:
        values = import_reader("lzf", path).decompress(body[8 : 8 + packed], unpacked)
    except ValueError as error:
        raise broken(path, f"cannot be decompressed: {error}") from error
    if values is None or len(values) != unpacked:
        raise broken(path, "is not as long when decompressed as its header says")
    # One field after the other, each with the values of all points.
    columns: dict[str, Column] = {}
    offset = 0
    for field in header.fields:
        if is_used(field):
            dtype = np.dtype([(field.name, value_type(field))])
            columns |= split_fields(np.frombuffer(values, dtype, header.num_points, offset))
        offset += field.num_bytes * header.num_points
    return columns


def _decode_ascii(body: bytes, header: PcdHeader, path: Path) -> StoredPoints:
    num_columns = sum(field.length for field in header.fields)
    if num_columns * header.num_points * 2 - 1 > len(body):
        raise broken(path, f"is too short for {header.num_points:,} points; it is cut off")
    try:
        rows = np.loadtxt(io.BytesIO(body), np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise broken(path, f"has no numbers in its lines: {error}") from error
    if rows.shape != (header.num_points, num_columns):
        raise broken(
            path,
            f"has {rows.shape[0]} lines of {rows.shape[1]} numbers, but its header says "
            f"{header.num_points} points of {num_columns}",
        )
    columns: dict[str, Column] = {}
    first = 0
    for field in header.fields:
        if is_used(field):
            names = [field.name] if field.length == 1 else _numbered(field.name, field.length)
            columns |= dict(zip(names, rows.T[first : first + field.length], strict=True))
        first += field.length
    return columns


def _numbered(name: str, count: int) -> list[str]:
    return [f"{name}[{i}]" for i in range(count)]


def _check_size(header: PcdHeader, num_bytes: int, path: Path) -> None:
    needed = header.num_points * header.row_bytes
    if num_bytes < needed:
        raise broken(
            path,
            f"has {num_bytes:,} bytes of points, but its header says {header.num_points:,} points "
            f"of {header.row_bytes} bytes; it is cut off",
        )
