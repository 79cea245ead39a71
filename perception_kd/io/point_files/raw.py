"""Rows of numbers and nothing else, as nuScenes and SemanticKITTI store them."""

from pathlib import Path

import numpy as np

from perception_kd.io.bounded import file_size
from perception_kd.io.errors import MISSING_REMEDY, BrokenFileError
from perception_kd.io.point_files.fields import StoredPoints
from perception_kd.structures import PointLayout


def decode_rows(data: bytes, path: Path, layout: PointLayout) -> StoredPoints:
    """Decode a file of rows of numbers.

    Args:
        data: Content of the file.
        path: The file, for errors.
        layout: Type of the numbers and number F of columns.

    Returns:
        The rows in their stored type, shape (N, F).

    Raises:
        BrokenFileError: If there are no whole rows.
    """
    _check_rows(len(data), path, layout)
    return np.frombuffer(data, dtype=layout.dtype).reshape(-1, layout.num_columns)


def count_rows(path: Path, layout: PointLayout) -> int:
    """Return the number of rows from the size of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If there are no whole rows.
    """
    num_bytes = file_size(path, "LiDAR sweep", MISSING_REMEDY)
    _check_rows(num_bytes, path, layout)
    return num_bytes // row_bytes(layout)


def row_bytes(layout: PointLayout) -> int:
    """Return the size of a row in bytes."""
    return layout.num_columns * np.dtype(layout.dtype).itemsize


def _check_rows(num_bytes: int, path: Path, layout: PointLayout) -> None:
    if num_bytes % row_bytes(layout) or not num_bytes:
        raise BrokenFileError(
            f"{path} must hold rows of {layout.num_columns} {layout.dtype}, but got {num_bytes} "
            "bytes: it is cut off, or num_pts_feats of the info file is wrong. Copy the file "
            'again, or skip such samples with on_error="skip".'
        )
