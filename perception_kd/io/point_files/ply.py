"""PLY files: the element "vertex", ascii or binary.

plyfile takes 0.4 s for 70,000 points of an open file, value by value; its arrays are
fast for files on a disk without lists only. Hence these few lines; the tests compare.
"""

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perception_kd.io.bounded import read_head
from perception_kd.io.errors import MISSING_REMEDY
from perception_kd.io.point_files.fields import (
    StoredPoints,
    broken,
    check_number_of_points,
    split_fields,
)
from perception_kd.structures import PointLayout

_MAX_HEADER = 2**16  # bytes
_POINTS = "vertex"
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_END = re.compile(rb"^end_header[ \t]*(\r\n|\r|\n)", re.MULTILINE)


class _Header(NamedTuple):
    """Header of a PLY file.

    Attributes:
        order: Byte order, "=" for ascii.
        skipped: Elements before the vertices: number of rows and type of a row.
        num_points: N.
        dtype: Type of a vertex.
        size: Bytes of the header.
    """

    order: str
    skipped: list[tuple[int, np.dtype[Any]]]
    num_points: int
    dtype: np.dtype[Any]
    size: int


def decode_ply(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a PLY file.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Not used: the header names the properties.

    Returns:
        The properties of the vertices by name, each (N,).

    Raises:
        BrokenFileError: If it is damaged, or has no plain vertices.
    """
    header = _parse_header(data, path)
    if header.order == "=":
        return _decode_ascii(data, header, path)
    offset = _check_size(header, len(data), path)
    return split_fields(np.frombuffer(data, header.dtype, header.num_points, offset))


def count_ply(path: Path, layout: PointLayout) -> int:
    """Return the number of vertices that the header of a PLY file says.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the header is damaged, or a binary file is cut off.
    """
    header = _parse_header(read_head(path, "LiDAR sweep", MISSING_REMEDY, _MAX_HEADER), path)
    if header.order != "=":
        _check_size(header, path.stat().st_size, path)
    return header.num_points


def _decode_ascii(data: bytes, header: _Header, path: Path) -> StoredPoints:
    names = header.dtype.names or ()
    if len(data) - header.size < 2 * header.num_points * len(names) - 1:
        raise _cut_off(path, header)
    skipped = sum(count for count, _ in header.skipped)
    lines = io.BytesIO(data[header.size :])
    try:
        rows = np.loadtxt(
            lines, np.float64, None, skiprows=skipped, ndmin=2, max_rows=header.num_points
        )
    except ValueError as error:
        raise broken(path, f"has no numbers in the lines of its vertices: {error}") from error
    if rows.shape[1] != len(names):
        raise broken(path, f"has {rows.shape[1]} numbers per line for {', '.join(names)}")
    if len(rows) != header.num_points:
        raise _cut_off(path, header)
    return dict(zip(names, rows.T, strict=True))


def _parse_header(data: bytes, path: Path) -> _Header:
    end = _END.search(data[:_MAX_HEADER])
    if not data.startswith(b"ply") or end is None:
        raise broken(path, 'has no header of a PLY file, from "ply" to "end_header"')
    lines = [line.split() for line in data[: end.start()].decode("latin-1").splitlines()]
    order = next((words[1:] for words in lines if words[:1] == ["format"]), [])
    if len(order) != 2 or order[0] not in _ORDERS or order[1] != "1.0":
        known = ", ".join(_ORDERS)
        raise broken(path, f"has format {' '.join(order)!r}, but known are {known} 1.0")
    skipped: list[tuple[int, np.dtype[Any]]] = []
    for name, count, properties in _elements(lines, path):
        dtype = _row_dtype(name, properties, _ORDERS[order[0]], path)
        if name == _POINTS:
            check_number_of_points(path, count, 'element "vertex" of its header')
            return _Header(_ORDERS[order[0]], skipped, count, dtype, end.end())
        skipped.append((count, dtype))
    raise broken(path, 'has no element "vertex"')


def _elements(lines: list[list[str]], path: Path) -> list[tuple[str, int, list[list[str]]]]:
    """Return name, number of rows and properties of each element."""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in lines:
        if words[:1] == ["element"]:
            if len(words) != 3 or not words[2].isdecimal() or len(words[2]) > 18:
                raise broken(path, f"has {' '.join(words)!r:.80}, but must have element NAME COUNT")
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"] and elements:
            elements[-1][2].append(words[1:])
    return elements


def _row_dtype(name: str, properties: list[list[str]], order: str, path: Path) -> np.dtype[Any]:
    """Return the type of a row of an element up to the vertices."""
    fields = []
    for words in properties:
        if len(words) != 2 or words[0] not in _TYPES:
            raise broken(
                path, f"has property {' '.join(words)!r:.80} of {name!r}: it must be a plain number"
            )
        fields.append((words[1], order + _TYPES[words[0]]))
    names = [field[0] for field in fields]
    if not names or len(set(names)) < len(names):
        raise broken(path, f"has properties {', '.join(names)} of {name!r}, but all must differ")
    return np.dtype(fields)


def _check_size(header: _Header, num_bytes: int, path: Path) -> int:
    """Check the length of a binary file, and return the offset of its vertices."""
    offset = header.size + sum(count * dtype.itemsize for count, dtype in header.skipped)
    if num_bytes - offset < header.num_points * header.dtype.itemsize:
        raise _cut_off(path, header)
    return offset


def _cut_off(path: Path, header: _Header) -> Exception:
    return broken(
        path, f"is too short for the {header.num_points:,} vertices of its header; it is cut off"
    )
