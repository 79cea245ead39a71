"""Guess where the axes of a LiDAR point, from its cameras and its motion."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

import numpy as np

from perception_kd.datasets.folder.calibration import axes_matrix
from perception_kd.datasets.folder.rig import DIRECTIONS
from perception_kd.structures import Array

# Words in names of cameras, and where such cameras look in the vehicle.
_WORDS = {
    "front": (1.0, 0.0, 0.0),
    "forward": (1.0, 0.0, 0.0),
    "ahead": (1.0, 0.0, 0.0),
    "rear": (-1.0, 0.0, 0.0),
    "back": (-1.0, 0.0, 0.0),
    "backward": (-1.0, 0.0, 0.0),
    "left": (0.0, 1.0, 0.0),
    "right": (0.0, -1.0, 0.0),
}
_SIDES = {"left", "right"}  # also the names of a stereo pair, which looks ahead
_AGREES, _CLEAR = 0.6, 0.3  # cosines
_UP = 0.8  # cosine between upward axes of images, on average, and an axis of the LiDAR
_WINDOW_M, _WAY_M = 1.0, 10.0
_STEADY = 0.8  # mean cosine of motions with their mean

_ALL_AXES = [
    axes for axes in permutations(DIRECTIONS, 3) if np.linalg.det(axes_matrix(axes)[:3, :3]) > 0.5
]


def guess_axes(cameras: Mapping[str, Array]) -> tuple[str, ...] | None:
    """Return the directions of x, y and z of the points, by the names of cameras.

    Args:
        cameras: ``lidar2cam`` of the points' axes by name, (4, 4).

    Returns:
        Names such as ``("left", "backward", "up")``; None if the names do not say it,
        or contradict each other.
    """
    looks = {name: look for name in cameras if (look := _read_name(name)) is not None}
    words = {word for name in looks for word in _split(name)}
    if not looks or (words <= _SIDES and len(words) < 2):
        return None
    up = -np.mean([cameras[name][1, :3] for name in looks], axis=0)
    scores = []
    for axes in _ALL_AXES:
        turned = axes_matrix(axes)[:3, :3]
        cosines = [looks[name] @ turned @ cameras[name][2, :3] for name in looks]
        if min(cosines) > _AGREES and (turned @ up)[2] > _UP:
            scores.append((float(np.mean(cosines)), axes))
    scores.sort(reverse=True)
    if not scores or (len(scores) > 1 and scores[0][0] - scores[1][0] < _CLEAR):
        return None
    return scores[0][1]


def list_telling(names: Iterable[str]) -> str:
    """Return those names of cameras that say where they look, in one text."""
    return ", ".join(name for name in names if _read_name(name) is not None)


def _split(name: str) -> list[str]:
    """Return the words of a name, such as those of "CAM_FRONT_LEFT" or "frontLeft2"."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return [part.lower() for part in parts if part.lower() in _WORDS]


def _read_name(name: str) -> Array | None:
    """Return the viewing direction in a camera's name, a unit vector, or None."""
    look = np.sum([_WORDS[word] for word in _split(name)], axis=0)
    length = np.linalg.norm(look)
    return None if length < 0.5 else look / length


def find_motion(poses: Sequence[Array]) -> Array | None:
    """Return the direction in which a LiDAR moves, in its own coordinates, (3,).

    Args:
        poses: ``lidar2global`` in the order of time, (4, 4).

    Returns:
        None if it moves less than 10 m, or not always in about the same direction.
    """
    ways, total = [], 0.0
    start = poses[0] if len(poses) else np.eye(4)
    for pose in poses[1:]:
        way = start[:3, :3].T @ (pose[:3, 3] - start[:3, 3])
        length = float(np.linalg.norm(way))
        if length >= _WINDOW_M:
            ways.append(way / length)
            total += length
            start = pose
    if total < _WAY_M:
        return None
    mean = np.mean(ways, axis=0)
    return mean if np.linalg.norm(mean) > _STEADY else None


def name_direction(vector: Array) -> str:
    """Return the nearest of ``DIRECTIONS`` to a vector.

    Args:
        vector: Vector of any length, in the coordinates of info files, shape (3,).
    """
    return max(DIRECTIONS, key=lambda name: axes_matrix(_with_x(name))[:3, 0] @ vector)


def name_stored_axis(vector: Array) -> str:
    """Return the nearest axis to a vector, such as "-y".

    Args:
        vector: Vector of any length, along the axes of the file, shape (3,).
    """
    place = int(np.argmax(np.abs(vector)))
    return f"{'-' if vector[place] < 0 else '+'}{'xyz'[place]}"


def turn_axes(axes: tuple[str, ...], forward: str) -> tuple[str, ...]:
    """Return axes turned about up so that a direction in the vehicle becomes forward.

    Args:
        axes: Where stored x, y and z are said to point.
        forward: The direction by these axes that is forward in truth: one of backward,
            left and right.
    """
    turns = {"backward": 2, "left": 3, "right": 1}
    ring = ("forward", "left", "backward", "right")
    return tuple(
        ring[(ring.index(axis) + turns[forward]) % 4] if axis in ring else axis for axis in axes
    )


def _with_x(name: str) -> tuple[str, ...]:
    return next(axes for axes in _ALL_AXES if axes[0] == name)
