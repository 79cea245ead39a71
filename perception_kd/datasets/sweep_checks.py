"""Checks of all files of sweeps of a scene, of which little is read."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from perception_kd.structures import Array, PointLayout

_CHUNKS, _ROWS, _MANY = 3, 100, 250  # read per file
_MAX_DISTANCE_M = 10_000.0
_MAX_SHARE = 0.02
_MAX_ODD_RINGS, _MAX_RING = 0.1, 1023
_FAR_M, _NEAR_M = 300.0, 0.3
_MOST_FAR, _MOST_NEAR = 0.25, 0.95  # of the points
_ODD = 4.0  # times the median size of a scene
_GROUND_AT_M = (3.0, 25.0)  # from the sensor


def find_sweep_fault(path: Path, layout: PointLayout, ring: int | None = None) -> str:
    """Return why a file of rows cannot be a sweep, from its size and a few rows.

    Args:
        path: The file; files that are not raw rows are not looked into.
        layout: Number of columns and type of a number.
        ring: Index of the column of rings; None if there is none.

    Returns:
        The end of a sentence about the file; empty if nothing is wrong.
    """
    size = os.path.getsize(path)
    if size == 0:
        return "is empty"
    if path.suffix != ".bin":
        return ""
    row = layout.num_columns * np.dtype(layout.dtype).itemsize
    if size % row:
        return f"has {size} bytes, which are not whole rows: it is cut off"
    rows = _read_some(path, size, row, layout)
    return find_position_fault(rows[:, :3]) or ("" if ring is None else _check_rings(rows[:, ring]))


def _check_rings(rings: Array) -> str:
    whole = (rings >= 0) & (rings <= _MAX_RING) & (rings == np.floor(rings))
    if np.count_nonzero(whole) < (1 - _MAX_ODD_RINGS) * len(rings):
        return f"has rings that are not integers in 0 .. {_MAX_RING}: it has another layout"
    return ""


def find_position_fault(positions: Array) -> str:
    """Return why positions cannot be points of a sweep in m; empty if they can.

    Args:
        positions: Some points of a sweep, shape (N, 3).
    """
    with np.errstate(all="ignore"):
        squares = (positions.astype(np.float64) ** 2).sum(axis=1)
        num_far = np.count_nonzero(squares > _MAX_DISTANCE_M**2)
        squares = squares[np.isfinite(squares) & (squares > 0)]
    if num_far > _MAX_SHARE * len(positions):
        share = num_far / len(positions)
        return f"has {share:.0%} of some points farther away than {_MAX_DISTANCE_M / 1000:.0f} km"
    if len(squares) < 10:
        return "has its points at the sensor or at NaN" if len(positions) > _MANY else ""
    if np.count_nonzero(squares > _FAR_M**2) > _MOST_FAR * len(squares):
        typical = np.sqrt(np.median(squares))
        return f"has points {typical:.0f} m away; they must be in m, but look like cm or mm"
    if np.count_nonzero(squares < _NEAR_M**2) > _MOST_NEAR * len(squares):
        return f"has its points within {_NEAR_M} m; they must be in m, but look like km"
    return ""


def find_odd_sizes(sizes: Mapping[str, int]) -> list[str]:
    """Return the files whose sizes differ much from those of their scene.

    Args:
        sizes: Bytes of each file that is not empty.
    """
    if len(sizes) < 4:
        return []
    middle = float(np.median(list(sizes.values())))
    return [path for path, size in sizes.items() if not middle / _ODD < size < middle * _ODD]


def find_turned_mount(positions: Array, lidar2ego: Array) -> str:
    """Return a doubt on a LiDAR's mount whose inverse puts the ground at height 0.

    Args:
        positions: Points of a sweep, shape (N, 3).
        lidar2ego: Mount of the LiDAR, shape (4, 4).

    Returns:
        The end of a sentence about the mount; empty without a doubt.
    """
    away = np.linalg.norm(positions[:, :2], axis=1)
    near = positions[(away > _GROUND_AT_M[0]) & (away < _GROUND_AT_M[1])]
    if len(near) < 100:
        return ""
    given, inverse = (
        float(np.quantile(near @ matrix[2, :3] + matrix[2, 3], 0.05))
        for matrix in (lidar2ego, np.linalg.inv(lidar2ego))
    )
    if abs(inverse) > 0.6 or abs(given) < abs(inverse) + 2.0:
        return ""
    return (
        f"puts the ground at {given:.1f} m, and stored the other way round at {inverse:.1f} m; it "
        "must lead from the sensor to the ego vehicle"
    )


def _read_some(path: Path, size: int, row: int, layout: PointLayout) -> Array:
    """Return some rows from the start, the middle and the end of a file, (N, F)."""
    number = size // row
    starts = np.linspace(0, max(number - _ROWS, 0), _CHUNKS).astype(int)
    file = os.open(path, os.O_RDONLY)
    try:
        chosen = starts if number > _ROWS else starts[:1]
        parts = [os.pread(file, _ROWS * row, int(start) * row) for start in chosen]
    finally:
        os.close(file)
    data = b"".join(part[: len(part) // row * row] for part in parts)
    return np.frombuffer(data, layout.dtype).reshape(-1, layout.num_columns)
