"""NumPy's files: one array in .npy, named ones in .npz."""

import io
import zipfile
import zlib
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.bounded import MAX_BYTES, read_bounded, read_head
from perception_kd.io.errors import MISSING_REMEDY
from perception_kd.io.point_files.fields import (
    StoredPoints,
    broken,
    check_number_of_points,
    split_fields,
)
from perception_kd.structures import PointLayout

_FORMAT: Any = np.lib.format  # its functions have no types
_MAX_HEADER = 2**16 + 12  # bytes of the first version's header
_MAX_COLUMNS = 64
_HEADER_ERRORS = (
    ValueError, SyntaxError, TypeError, RecursionError, MemoryError, OverflowError, TokenError,
)  # fmt: skip
_ZIP_ERRORS = (
    zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, zlib.error, OverflowError,
)  # fmt: skip


def decode_npy(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a .npy file.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Not used: the array has its shape and type.

    Returns:
        An array (N, F), or the fields of a structured array by name, each (N,).

    Raises:
        BrokenFileError: If it is damaged, has objects, or an array of another shape.
    """
    array = _read_array(data, path)
    _check_shape(array.shape, array.dtype, path)
    return split_fields(array.reshape(-1)) if array.dtype.names else array


def count_npy(path: Path, layout: PointLayout) -> int:
    """Return the number of points that the header of a .npy file says.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the header is damaged or has another shape, or the file is
            cut off.
    """
    head = io.BytesIO(read_head(path, "LiDAR sweep", MISSING_REMEDY, _MAX_HEADER))
    shape, _, dtype = _read_header(head, path)
    num_points = _check_shape(shape, dtype, path)
    _check_size(shape, dtype, path.stat().st_size - head.tell(), path)
    return num_points


def decode_npz(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a .npz file.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Not used: arrays have their shapes and types.

    Returns:
        The one array of points, (N, F), or the arrays x, y, z, ... by name, each (N,).

    Raises:
        BrokenFileError: If it is damaged or has no such arrays.
    """
    arrays = _read_archive(data, path)
    tables = [name for name, array in arrays.items() if array.dtype.names or array.ndim == 2]
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    lengths = {len(column) for column in columns.values() if not column.dtype.names}
    if len(tables) == 1 and {"x", "y", "z"} - {name.lower() for name in columns}:
        array = arrays[tables[0]]
        _check_shape(array.shape, array.dtype, path)
        return split_fields(array.reshape(-1)) if array.dtype.names else array
    if len(tables) > 1 or len(lengths) != 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise broken(
            path, f"must have one array (N, F), or arrays x, y, z, ... (N,), but has {shapes:.200}"
        )
    check_number_of_points(path, lengths.pop(), "its arrays")
    return columns


def count_npz(path: Path, layout: PointLayout) -> int:
    """Return the number of points of a .npz file, which is read for it.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is damaged.
    """
    stored = decode_npz(read_bounded(path, "LiDAR sweep", MISSING_REMEDY), path, layout)
    return len(stored if isinstance(stored, np.ndarray) else next(iter(stored.values())))


def _read_archive(data: bytes, path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            # What a member says is the most that it can give: zipfile stops there.
            if sum(info.file_size for info in members) > MAX_BYTES:
                raise broken(path, f"has more than {MAX_BYTES:,} bytes when decompressed")
            return {
                info.filename.removesuffix(".npy"): _read_array(archive.read(info), path)
                for info in members
            }
    except _ZIP_ERRORS as error:
        if str(path) in str(error):
            raise
        raise broken(path, f"is not a readable .npz archive: {error}") from error


def _read_array(data: bytes, path: Path) -> NDArray[Any]:
    """Return an array whose header claims no more than there is."""
    file = io.BytesIO(data)
    shape, is_fortran, dtype = _read_header(file, path)
    _check_size(shape, dtype, len(data) - file.tell(), path)
    flat = np.empty(0, dtype)
    if prod(shape):
        flat = np.frombuffer(data, dtype, offset=file.tell())
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


def _check_size(shape: tuple[int, ...], dtype: np.dtype[Any], num_bytes: int, path: Path) -> None:
    if num_bytes != prod(shape) * dtype.itemsize:
        raise broken(
            path,
            f"has {num_bytes:,} bytes for an array {shape} of {dtype}: it is cut off or damaged",
        )


def _read_header(file: io.BytesIO, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = _FORMAT.read_magic(file)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise broken(path, f"has version {version} of the format .npy, but known are 1 to 3")
        # Version 3 differs from 2 in the encoding of names of fields only.
        is_first = version == (1, 0)
        read = _FORMAT.read_array_header_1_0 if is_first else _FORMAT.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
    except _HEADER_ERRORS as error:
        if str(path) in str(error):
            raise
        raise broken(path, f"is not a readable .npy array: {error}") from error
    if dtype.hasobject or min(shape, default=1) < 0:
        raise broken(path, f"has an array {shape} of {dtype}, but numbers can be read only")
    return shape, is_fortran, dtype


def _check_shape(shape: tuple[int, ...], dtype: np.dtype[Any], path: Path) -> int:
    """Return the number of points of an array, or raise an error."""
    is_table = len(shape) == 2 and 3 <= shape[1] <= _MAX_COLUMNS
    if not (prod(shape[1:]) == 1 if dtype.names else is_table):
        wanted = "(N,)" if dtype.names else f"(N, F) with 3 to {_MAX_COLUMNS} columns"
        raise broken(path, f"must have an array {wanted}, but has {shape} of {dtype}")
    num_points: int = shape[0] if shape else 1
    check_number_of_points(path, num_points, "its shape")
    return num_points
