"""Checks of calibrations, times and poses that a conversion reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from perception_kd.structures import Array

MAX_SPEED = 150.0  # m/s
_MAX_FOCAL, _MIN_FOCAL = 50.0, 0.05  # in widths of the image
_LONGEST_S, _SHORTEST_S = 20.0, 0.004  # between two sweeps
_YEAR_2100_S = 4.1e9
_UNITS_S = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}


def read_image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image from the head of its file, in px.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image.
    """
    try:
        with Image.open(path) as head:
            return head.size
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is broken or not an image; copy it again.") from error


def find_intrinsics_fault(matrix: Sequence[Sequence[float]], width: int, height: int) -> str:
    """Return why a matrix cannot be the intrinsics of a camera; empty if it can.

    Args:
        matrix: Rows of finite numbers, (3, 3); empty if they are missing.
        width: Width of the images in px.
        height: Height of the images in px.
    """
    if not matrix:
        return "is missing"
    (fx, _, cx), (zero, fy, cy), last = matrix
    if zero != 0 or list(last) != [0, 0, 1]:
        return f"must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]], but it is {matrix}"
    for name, focal in (("fx", fx), ("fy", fy)):
        if not _MIN_FOCAL * width < focal < _MAX_FOCAL * width:
            what = f"has a focal length {name} of {focal:g} px"
            return f"{what}, implausible for a {width} px wide image"
    for name, center, size in (("cx", cx, width), ("cy", cy, height)):
        if not 0 < center < size:
            return f"has its principal point at {name} = {center:g} px, outside the image"
    return ""


def find_time_fault(times: Sequence[float], unit: str) -> str:
    """Return why numbers cannot be times of sweeps in a unit; empty if they can.

    Args:
        times: Times in order, at least one.
        unit: Name of the unit.
    """
    last = times[-1]
    interval = float(np.median(np.diff(times))) if len(times) > 1 else None
    if _is_plausible(interval, last, _UNITS_S[unit]):
        return ""
    others = [x for x, size in _UNITS_S.items() if _is_plausible(interval, last, size)]
    guess = f"they look like {others[0]}" if others else "they are no times of a LiDAR"
    spacing = "" if interval is None else f", {interval:g} after the sweep before"
    return f"is {last}{spacing}; times must be in {unit}, but {guess}"


def _is_plausible(interval: float | None, time: float, unit_s: float) -> bool:
    """Return whether an interval between sweeps and a time can have a unit."""
    if not 0 <= time * unit_s < _YEAR_2100_S:
        return False
    return interval is None or _SHORTEST_S < interval * unit_s < _LONGEST_S


def median_speed(positions: Array, times_s: Array) -> float:
    """Return the median speed of a vehicle in m/s; 0 for a single position.

    Args:
        positions: Positions of the vehicle in m, shape (N, 3).
        times_s: Their times in s, in order, shape (N,).
    """
    if len(positions) < 2:
        return 0.0
    way = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return float(np.median(way / np.maximum(np.diff(times_s), _SHORTEST_S)))
