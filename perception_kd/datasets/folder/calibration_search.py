"""Calibrations that files of a folder may hold, for the first rig file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.folder.calibration_values import (
    WHOLE_FILE,
    flatten_numbers,
    pick_named,
    read_calibration_file,
)
from perception_kd.datasets.folder.mounts import find_mounts
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.folder.sensor_names import rate_match, split_words
from perception_kd.geometry.rigid import ROTATION_TOLERANCE, make_rigid, rotation_errors
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

_MAX_DEPTH = 6
_MAX_FILES = 2000
_RECTIFICATION = re.compile(r"R0_rect|R_rect_00")  # of KITTI
_EGO = {"ego", "vehicle", "base", "body", "car", "chassis"}
_BETWEEN_OTHERS = re.compile(r"imu|gps|gnss|ins\b|cam(era)?_?(to|2)_?cam")
# Matrices of KITTI, which hold for all cameras: the offset of each is in its P.
_OF_ALL_CAMERAS = re.compile(r"\btr\b|tr_velo_to_cam|velo_to_cam")


@dataclass(frozen=True)
class Candidate:
    """A camera matrix or a transform in a calibration file.

    Attributes:
        file: The file, relative to the root.
        key: Keys of the numbers, joined by dots.
        matrix: Camera matrix (3, 3), or rigid transform (4, 4).
        parts: How the rig file names it: the key in the file by keys of the rig file;
            empty for one matrix.
        near: What the file has beside it, by key.
    """

    file: str
    key: str
    matrix: Array
    parts: Mapping[str, str] = field(default_factory=dict)
    near: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_transform(self) -> bool:
        """True if it is a rotation and a translation, not a camera matrix."""
        return len(self.matrix) == 4 and not self.is_rectification

    @property
    def is_rectification(self) -> bool:
        """True if it turns a camera of KITTI to the coordinates of rectified images."""
        return len(self.matrix) == 4 and [*self.parts] == ["rotation"]

    @property
    def is_of_ego(self) -> bool:
        """True if file and key say that a transform is one of the vehicle."""
        return bool(_EGO & {*split_words(self.text)})

    @property
    def is_between_others(self) -> bool:
        """True if file and key say that a transform is between other sensors."""
        return self.is_transform and bool(_BETWEEN_OTHERS.search(self.text.lower()))

    @property
    def text(self) -> str:
        """File and key, which may name sensors."""
        return f"{self.file.rpartition('.')[0]} {self.key}"


def list_candidates(root: Path, files: Sequence[str]) -> list[Candidate]:
    """Return camera matrices and transforms in those files that can be read."""
    found: list[Candidate] = []
    for file in files[:_MAX_FILES]:
        try:
            content = read_calibration_file(root / file, "the folder")
        except (RigError, BrokenFileError, OSError):
            continue
        found += _walk(file, content, (), {}, 0)
    return found


def choose(
    candidates: Sequence[Candidate], names: Sequence[str], others: Sequence[str]
) -> Candidate | None:
    """Return the candidate that is most likely that of a sensor.

    Args:
        candidates: Some candidates.
        names: Names of the sensor, such as those of its folders.
        others: Names of the other sensors of its kind.

    Returns:
        One whose file or key names the sensor; or one that names none, if it can only
        be that of this sensor, or is that of all; or None.
    """
    candidates = [x for x in candidates if not x.is_between_others]
    scored = [(rate_match(x.text, names, others), x) for x in candidates]
    best = max((score for score, _ in scored), default=-1)
    found = [candidate for score, candidate in scored if score == best]
    if best == 0 and others:
        found = [x for x in found if _OF_ALL_CAMERAS.search(x.text.lower())]
    if best < 0 or not found or (best == 0 and len({x.key for x in found}) > 1):
        return None
    # Among several keys take the plain one: "extrinsic" rather than "extrinsic_old".
    return min(found, key=lambda x: (_rank(x), len(x.key), x.file))


def _rank(candidate: Candidate) -> int:
    """Return 0 for a matrix of rectified images where a file has both."""
    words = split_words(candidate.key)
    return int("rect" not in words)


def _walk(
    file: str, content: Any, keys: tuple[str, ...], near: Mapping[str, Any], depth: int
) -> Iterator[Candidate]:
    """Yield all candidates of a file with their keys."""
    if depth >= _MAX_DEPTH:
        return
    key = ".".join(keys)
    if keys and _RECTIFICATION.fullmatch(keys[-1]):
        numbers = flatten_numbers(content)
        if numbers is not None and len(numbers) == 9:
            turn = make_rigid(np.reshape(numbers, (3, 3)), np.zeros(3))
            yield Candidate(file, key, turn, {"rotation": key})
        return
    matrix = _read_matrix(content, key) if keys else None
    if matrix is not None:
        yield Candidate(file, key, matrix, near=near)
    elif isinstance(content, Mapping):
        for parts, mount in find_mounts(content):
            places = {role: ".".join([*keys, *part]) or WHOLE_FILE for role, part in parts.items()}
            yield Candidate(file, key or WHOLE_FILE, mount, places, near)
        for name, value in content.items():
            yield from _walk(file, value, (*keys, str(name)), content, depth + 1)
    elif isinstance(content, list) and len(content) < 100:
        for place, value in enumerate(content):
            yield from _walk(file, value, (*keys, str(place)), near, depth + 1)


def _read_matrix(value: Any, key: str) -> Array | None:
    """Return a camera matrix (3, 3) or a transform (4, 4); None if it is neither."""
    if (named := pick_named(value, "intrinsics")) is not None:
        return _as_camera_matrix(_from_four(named))
    numbers = flatten_numbers(value)
    if numbers is None:
        return None
    if len(numbers) == 4 and re.search(r"intrinsic|camera_matrix", key.lower()):
        return _as_camera_matrix(_from_four(numbers))
    if len(numbers) == 9:
        return _as_camera_matrix(np.reshape(numbers, (3, 3)))
    if len(numbers) not in (12, 16):
        return None
    rows = np.reshape(numbers, (-1, 4))[:3]
    if len(numbers) == 12 and (matrix := _as_camera_matrix(rows[:, :3])) is not None:
        return matrix
    error = rotation_errors(rows[None, :, :3], may_mirror=True)[0]
    # A camera does not look along the LiDAR's z, but a LiDAR may be as the vehicle is.
    is_turned = not np.allclose(rows[:, :3], np.eye(3), atol=1e-3)
    if not error <= ROTATION_TOLERANCE or not (is_turned or _EGO & {*split_words(key)}):
        return None
    return np.vstack([rows, [0, 0, 0, 1]])


def _from_four(numbers: Sequence[float]) -> Array:
    fx, fy, cx, cy = numbers
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _as_camera_matrix(matrix: Array) -> Array | None:
    """Return a matrix if it looks like that of a camera."""
    (fx, _, cx), (zero, fy, cy), last = matrix
    is_camera = (
        min(fx, fy, cx, cy) > 10 and zero == 0 and 0.5 < fx / fy < 2 and list(last) == [0, 0, 1]
    )
    return matrix if is_camera else None
