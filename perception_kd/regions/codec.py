"""Region ids as files: one number per point of a sweep, compressed, with a checksum.

A number >= 0 is the region of the point. A negative number is a :class:`NoRegion`, the
reason why the point is in no region. Training uses only the regions; statistics and
drawings also use the reasons.
"""

import zipfile
import zlib
from enum import IntEnum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.utils.checks import check_shape

KIND = "regions"
EXTENSION = ".npz"
_NAME = "region_ids"

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


def decode_region_ids(data: bytes, path: str | Path, num_points: int) -> RegionIds:
    """Return region ids from the bytes of a file.

    Args:
        data: Content of the file.
        path: Path of the file, for the error.
        num_points: Number of points N of its sweep.

    Returns:
        Ids from 0, or a :class:`NoRegion`, shape (N,).

    Raises:
        BrokenFileError: If the file is truncated, damaged or of another sweep.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            region_ids = archive[_NAME]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BrokenFileError(
            f"{path} is not a complete file of region ids: reading its {len(data)} "
            f"bytes failed: {error}."
        ) from error
    if region_ids.shape != (num_points,) or region_ids.dtype != np.int32:
        raise BrokenFileError(
            f"{path} must hold {num_points} int32, one for each point of its sweep, but got "
            f"{region_ids.dtype} of shape {region_ids.shape}: it was made from another sweep."
        )
    return region_ids


def load_region_ids(cache: Cache, key: str, num_points: int) -> RegionIds:
    """Return the region ids of a sweep from a cache.

    Args:
        cache: Opened with ``Cache.open(folder, KIND)``.
        key: Token of the sample.
        num_points: Number of points N of the sweep of the sample.

    Returns:
        Ids from 0, or a :class:`NoRegion`, shape (N,).

    Raises:
        FileNotFoundError: If the cache has no such entry.
        BrokenFileError: If it is truncated, damaged or of another sweep.
    """
    return cache.read(key, lambda data, path: decode_region_ids(data, path, num_points))
