"""Readers of point clouds, point labels and images.

A format of point clouds is one :class:`PointFormat` in ``POINT_FORMATS``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.errors import BrokenFileError

Points = NDArray[np.float32]


class PointFormat(NamedTuple):
    """Format of point clouds in files with one suffix.

    Attributes:
        decode: Called with the bytes of a file, its path for errors, and the number of
            columns F; returns the points, float32, shape (N, F), or raises
            :class:`BrokenFileError`.
        count_points: Called with the path of a file and the number of columns; returns
            the number of points N, without reading them if the format allows.
    """

    decode: Callable[[bytes, Path, int], Points]
    count_points: Callable[[Path, int], int]


def read_bytes(path: str | Path, what: str) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        what: What it is, for the error.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"No {what} at {path}; check data_root and that the data set is complete, or skip "
            'such samples with on_error="skip".'
        ) from None


def read_points(path: str | Path, num_columns: int) -> Points:
    """Read a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        num_columns: Number of columns F: x, y, z in m, intensity, ...

    Returns:
        Points, float32, shape (N, F).

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold whole rows.
        ValueError: If no reader knows its suffix.
    """
    decode = _get_format(path).decode
    return decode(read_bytes(path, "LiDAR sweep"), Path(path), num_columns)


def count_stored_points(path: str | Path, num_columns: int) -> int:
    """Return the number of points in the file of a point cloud.

    Args:
        path: File with a suffix of ``POINT_FORMATS``.
        num_columns: Number of columns F.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no reader knows its suffix.
    """
    return _get_format(path).count_points(Path(path), num_columns)


def read_labels(
    path: str | Path, dtype: np.dtype[Any], points_path: str | Path, num_columns: int
) -> NDArray[Any]:
    """Read one label per point of a point cloud.

    Args:
        path: File of labels.
        dtype: How the file stores a label.
        points_path: File of the point cloud.
        num_columns: Number of columns of the point cloud.

    Returns:
        Labels as they are stored, shape (N,).

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold one label per point.
    """
    data = read_bytes(path, "point labels")
    num_points = count_stored_points(points_path, num_columns)
    if len(data) != num_points * dtype.itemsize:
        raise BrokenFileError(
            f"{path} must hold {num_points} labels of {dtype}, one for each point of "
            f"{points_path}, but got {len(data)} bytes; check dtype and the file."
        )
    return np.frombuffer(data, dtype=dtype)


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Read a JPEG or PNG file as RGB, shape (H, W, 3).

    Decoders fill the missing part of a truncated image with gray; here it is an error.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If the file is truncated or not an image.
    """
    data = read_bytes(path, "image")
    img = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if img is None or not _is_complete(data):
        raise BrokenFileError(
            f"{path} is truncated or not an image ({len(data)} bytes). Copy the file again, or "
            'skip such samples with on_error="skip".'
        )
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _get_format(path: str | Path) -> PointFormat:
    suffix = Path(path).suffix
    if suffix not in POINT_FORMATS:
        raise ValueError(
            f"No reader for the point cloud {path}; the known suffixes are "
            f"{', '.join(POINT_FORMATS)}. Convert the file, or add its format to POINT_FORMATS."
        )
    return POINT_FORMATS[suffix]


def _decode_float32_rows(data: bytes, path: Path, num_columns: int) -> Points:
    if len(data) % (4 * num_columns) or not data:
        raise BrokenFileError(
            f"{path} must hold rows of {num_columns} float32, but got {len(data)} bytes: it is "
            "cut off, or num_pts_feats of the info file is wrong. Copy the file again, or skip "
            'such samples with on_error="skip".'
        )
    return np.frombuffer(data, dtype=np.float32).reshape(-1, num_columns)


def _count_float32_rows(path: Path, num_columns: int) -> int:
    return path.stat().st_size // (4 * num_columns)


def _is_complete(data: bytes) -> bool:
    """Return whether a JPEG or PNG has its end marker; others count as complete."""
    if data.startswith(b"\xff\xd8"):  # end of image after the last start of scan
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    return True


# nuScenes and SemanticKITTI store rows of float32 and nothing else.
POINT_FORMATS = {".bin": PointFormat(_decode_float32_rows, _count_float32_rows)}
