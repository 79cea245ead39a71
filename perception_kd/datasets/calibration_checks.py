"""Checks of calibrations, times and poses that a conversion reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from perception_kd.io.image_files import has_deep_channels
from perception_kd.structures import Array

_MAX_FOCAL, _MIN_FOCAL = 50.0, 0.05  # in widths of the image
_MIN_USUAL_FOCAL, _MAX_USUAL_FOCAL, _MAX_STRETCH = 0.2, 8.0, 1.5
# Distance of the principal point from the center, in halves of the size: along both
# axes, as after scaling, and along one axis; more along both cannot be right.
_OFF_BOTH, _OFF_ONE, _OFF_FAR = 0.15, 0.4, 0.3
# As Pillow calls what OpenCV reads; MPO is JPEG with further images behind the first.
_IMAGE_KINDS = ("JPEG", "MPO", "PNG", "BMP", "WEBP", "TIFF", "PPM")
_LONGEST_HEAD = 32  # bytes, of which the depth is read
_ROTATION_TAG = 0x0112  # of EXIF
_LONGEST_S, _SHORTEST_S = 20.0, 0.004  # between two sweeps
_YEAR_2100_S = 4.1e9
_UNITS_S = {"nanoseconds": 1e-9, "microseconds": 1e-6, "milliseconds": 1e-3, "seconds": 1.0}


class ImageHead(NamedTuple):
    """Size and orientation of an image, from the head of its file.

    Attributes:
        size: Width and height as stored, in px.
        orientation: Tag of EXIF that asks viewers to turn or mirror the image; 1 does
            not. The readers of this package show images as stored.
    """

    size: tuple[int, int]
    orientation: int


def read_image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image as stored, in px.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image that can be read, or has more than 8 bits per
            channel.
    """
    return read_image_head(path).size


def read_image_head(path: Path) -> ImageHead:
    """Return size and orientation of an image from the head of its file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not an image that can be read, or has more than 8 bits per
            channel.
    """
    try:
        with path.open("rb") as file, Image.open(file) as head:
            file.seek(0)
            is_deep = has_deep_channels(head, file.read(_LONGEST_HEAD))
            kind = head.format or ""
            exif = Image.Exif()
            exif.load(head.info.get("exif") or b"")
            found = ImageHead(head.size, exif.get(_ROTATION_TAG, 1))
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is broken or not an image; copy it again.") from error
    if kind not in _IMAGE_KINDS:
        raise ValueError(f"{path} is a {kind} file; convert the images to JPEG or PNG.")
    if is_deep:
        raise ValueError(f"{path} has more than 8 bits per channel; convert the images to 8 bits.")
    return found


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
    across, down = 2 * cx / width - 1, 2 * cy / height - 1
    if min(across, down) > _OFF_FAR or max(across, down) < -_OFF_FAR:
        size_px = f"{width * (1 + across):.0f} x {height * (1 + down):.0f}"
        return f"has its principal point where images of about {size_px} px have it"
    return ""


def find_intrinsics_doubt(matrix: Sequence[Sequence[float]], width: int, height: int) -> str:
    """Return what looks wrong with intrinsics that can be a camera's; empty if nothing.

    Args:
        matrix: As in :func:`find_intrinsics_fault`, without a fault.
        width: Width of the images in px.
        height: Height of the images in px.
    """
    (fx, _, cx), (_, fy, cy), _ = matrix
    across, down = 2 * cx / width - 1, 2 * cy / height - 1
    if min(abs(across), abs(down)) > _OFF_BOTH and across * down > 0:
        size = f"{width * (1 + across):.0f} x {height * (1 + down):.0f}"
        return f"looks like that of images of about {size} px, not {width} x {height} px"
    if max(abs(across), abs(down)) > _OFF_ONE:
        where = f"({cx:.0f}, {cy:.0f})"
        return f"has its principal point at {where} px, far from the center of the image"
    if not _MIN_USUAL_FOCAL < fx / width < _MAX_USUAL_FOCAL:
        angle = np.degrees(2 * np.arctan(width / 2 / fx))
        return f"gives images {angle:.3g} degrees of view, unusual for a camera of a vehicle"
    if not 1 / _MAX_STRETCH < fx / fy < _MAX_STRETCH:
        return f"has focal lengths that differ, {fx:.4g} and {fy:.4g} px"
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
    guess = f"they look like {others[0]}" if others else "they are not times of a LiDAR"
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
