"""Positions of the points of one sweep, for checks and counts of a conversion."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.io.point_files.readers import is_raw, read_points
from perception_kd.structures import PointLayout


def read_positions(path: Path, options: SceneOptions) -> NDArray[np.floating[Any]]:
    """Return the positions of a sweep as they are stored, in m.

    Args:
        path: Raw rows, or a file with fields x, y, z and intensity.
        options: Layout of raw rows.

    Returns:
        Shape (N, 3); of raw rows, in their type and unchecked.

    Raises:
        BrokenFileError: If a file with fields is damaged or lacks one.
    """
    if is_raw(path):
        return np.fromfile(path, options.dtype).reshape(-1, options.num_columns)[:, :3]
    return read_points(path, make_layout(options))[:, :3]


def make_layout(options: SceneOptions) -> PointLayout:
    """Return the layout of all sweeps."""
    return PointLayout(num_columns=options.num_columns, dtype=options.dtype)
