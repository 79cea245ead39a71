"""Readers of point clouds and images."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.errors import BrokenFileError

Points = NDArray[np.float32]


def read_bytes(path: str | Path, what: str) -> bytes:
    """Read a whole file.

    Args:
        path: The file.
        what: What it is, for the error.

    Raises:
        FileNotFoundError: If there is none, with the way out.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"No {what} at {path}; check data_root and that the data set is complete, or skip "
            'such samples with on_error="skip".'
        ) from None


def read_points(path: str | Path, num_columns: int) -> Points:
    """Read a sweep, float32, shape (N, num_columns): x, y, z in m, intensity, ...

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it does not hold whole rows.
    """
    data = read_bytes(path, "LiDAR sweep")
    if len(data) % (4 * num_columns) or not data:
        raise BrokenFileError(
            f"{path} must hold rows of {num_columns} float32, but got {len(data)} bytes: it is "
            "cut off, or num_pts_feats of the info file is wrong. Copy the file again, or skip "
            'such samples with on_error="skip".'
        )
    return np.frombuffer(data, dtype=np.float32).reshape(-1, num_columns)


def count_stored_points(path: str | Path, num_columns: int) -> int:
    """Return the number of points of a sweep by the size of its file.

    Args:
        path: The file.
        num_columns: float32 values of a point in it.
    """
    return Path(path).stat().st_size // (4 * num_columns)


def decode_image(data: bytes, path: str | Path) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG as RGB, shape (H, W, 3).

    Decoders fill what is missing of a cut-off picture with gray and go on; here it is
    an error.

    Args:
        data: The whole file.
        path: Its path, for the error.

    Raises:
        BrokenFileError: If the file is no picture, or cut off.
    """
    img = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if img is None or not _is_complete(data):
        raise BrokenFileError(
            f"{path} must hold a whole picture, but got {len(data)} bytes that are cut off or no "
            'picture; copy the file again, or skip such samples with on_error="skip".'
        )
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _is_complete(data: bytes) -> bool:
    """Return whether a JPEG or PNG has its end marker; others count as complete."""
    if data.startswith(b"\xff\xd8"):  # end of image after the last start of scan
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    return True
