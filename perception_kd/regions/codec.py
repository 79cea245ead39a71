"""Region ids as files: one number per point of a sweep, compressed, with a checksum.

A number >= 0 is the region of the point. A negative number is a :class:`NoRegion`, the
reason why the point is in no region. Training uses only the regions; statistics and
drawings also use the reasons.
"""

import zipfile
from enum import IntEnum
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import Origin, check_origin, decode_origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.utils.checks import check_shape

REGIONS = "regions"
REGIONS_EXTENSION = ".npz"
_NAME = "region_ids"
_ORIGIN, _MAX_NOTE = "origin.json", 4096

RegionIds = NDArray[np.int32]


class NoRegion(IntEnum):
    """Reasons for a point to be in no region."""

    NOISE = -1
    """It is in no cluster, or not finite."""
    GROUND = -2
    """It lies on or below the ground."""
    EGO_STRIP = -3
    """Its cluster lies in a strip along an axis through the sensor."""
    TOO_LOW = -4
    """Its cluster does not rise high enough above the ground."""
    TOO_HIGH = -5
    """Its cluster rises too high."""
    TOO_THIN = -6
    """Its cluster is a line in BEV."""
    TOO_LARGE = -7
    """Its cluster has too large a BEV area."""
    TOO_SMALL = -8
    """Its cluster has too small a BEV area."""


def encode_region_ids(region_ids: NDArray[np.integer[Any]]) -> bytes:
    """Return region ids as the bytes of a compressed NumPy archive.

    Args:
        region_ids: Ids from 0, or a :class:`NoRegion`, shape (N,).

    Raises:
        ValueError: If the shape is wrong.
    """
    check_shape(_NAME, region_ids, ("N",))
    file = BytesIO()
    np.savez_compressed(file, **{_NAME: region_ids.astype(np.int32)})
    return file.getvalue()


class _Stored(NamedTuple):
    """Content of a file; that of an array of another size or type is not read."""

    origin: Origin | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    content: bytes


def decode_region_ids(
    data: bytes,
    path: str | Path,
    num_points: int,
    key: str | None = None,
    source: str | Path | None = None,
) -> RegionIds:
    """Return region ids from the bytes of a file.

    Args:
        data: Content of the file.
        path: Path of the file, for the error.
        num_points: Number of points N of its sweep.
        key: Token of the sample that it must have been made of; None skips that.
        source: File of the sweep, whose number of bytes is compared; None skips that.

    Returns:
        Ids from 0, or a :class:`NoRegion`, shape (N,).

    Raises:
        BrokenFileError: If the file is truncated, damaged, of another sweep, or has ids
            that no region of so many points can have.
    """
    stored = _read_archive(data, path, num_points)
    if key is not None:
        check_origin(stored.origin, key, path, source)
    return _check_ids(stored, path, num_points)


def _read_archive(data: bytes, path: str | Path, num_points: int) -> _Stored:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            origin = _read_note(archive, path)
            with archive.open(f"{_NAME}.npy") as file:
                shape, dtype = _read_header(file)
                expected = shape == (num_points,) and dtype == np.int32
                # With one byte more than there should be, the checksum is checked.
                content = file.read(4 * num_points + 1) if expected else b""
    except BrokenFileError:  # of the note
        raise
    except Exception as error:  # broken bytes raise nearly anything
        raise BrokenFileError(
            f"{path} is not a complete file of region ids: reading its {len(data)} "
            f"bytes failed: {error!r}."
        ) from error
    return _Stored(origin, shape, dtype, content)


def _check_ids(stored: _Stored, path: str | Path, num_points: int) -> RegionIds:
    if stored.shape != (num_points,) or stored.dtype != np.int32:
        raise BrokenFileError(
            f"{path} must hold {num_points} int32, one for each point of its sweep, but got "
            f"{stored.dtype} of shape {stored.shape}: it was made from another sweep."
        )
    if len(stored.content) != 4 * num_points:
        raise BrokenFileError(f"{path} is not a complete file of region ids.")
    region_ids = np.frombuffer(stored.content, np.int32)
    lowest, largest = region_ids.min(initial=0), region_ids.max(initial=-1)
    if lowest < min(NoRegion) or largest >= num_points:
        raise BrokenFileError(
            f"{path} has ids from {lowest} to {largest}, but {num_points} points have ids from "
            f"{min(NoRegion)} to {num_points - 1}: it is not a file of region ids."
        )
    return region_ids


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of a stored array, before there is memory for it."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    if version != (1, 0):
        raise ValueError(f"the array has version {version} of NumPy's format, not (1, 0)")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
    return shape, dtype


def add_origin(data: bytes, origin: Origin) -> bytes:
    """Return the bytes of an archive with its origin as another file in it."""
    file = BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(_ORIGIN), origin.encode())
    return file.getvalue()


def read_origin(data: bytes, path: str | Path) -> Origin | None:
    """Return the origin of the bytes of an archive; None if it has none.

    Raises:
        BrokenFileError: If it has a damaged one.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return _read_note(archive, path)
    except BrokenFileError:
        raise
    except Exception:  # broken bytes raise nearly anything; who decodes them says so
        return None


def _read_note(archive: zipfile.ZipFile, path: str | Path) -> Origin | None:
    """Return the origin in an archive; None if it has none."""
    if _ORIGIN not in archive.namelist():
        return None
    try:
        with archive.open(_ORIGIN) as file:
            note = file.read(_MAX_NOTE)
    except Exception:  # broken bytes raise nearly anything
        note = b""
    return decode_origin(note, path)


def load_region_ids(
    cache: Cache, key: str, num_points: int, source: str | Path | None = None
) -> RegionIds:
    """Return the region ids of a sweep from a cache.

    Args:
        cache: Opened with ``Cache.open(folder, REGIONS)``.
        key: Token of the sample.
        num_points: Number of points N of the sweep of the sample.
        source: File of the sweep, whose number of bytes is compared; None skips that.

    Returns:
        Ids from 0, or a :class:`NoRegion`, shape (N,).

    Raises:
        FileNotFoundError: If the cache has no such entry.
        BrokenFileError: If it is truncated, damaged or of another sweep.
    """
    return cache.read(
        key, lambda data, path: decode_region_ids(data, path, num_points, key, source)
    )
