"""Calibrations that files of a folder may hold, for the first rig file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.folder.calibration_values import (
    flatten_numbers,
    read_calibration_file,
)
from perception_kd.datasets.folder.sections import RigError
from perception_kd.geometry.rigid import ROTATION_TOLERANCE, rotation_errors
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

_MAX_DEPTH = 6
_MAX_FILES = 2000


@dataclass(frozen=True)
class Candidate:
    """Numbers in a calibration file.

    Attributes:
        file: The file, relative to the root.
        key: Keys, joined by dots.
        numbers: The numbers.
    """

    file: str
    key: str
    numbers: tuple[float, ...]

    def is_intrinsics(self) -> bool:
        """Return whether the numbers look like those of a camera matrix."""
        matrix = self._camera_matrix()
        if matrix is None:
            return False
        (fx, _, cx), (zero, fy, cy), last = matrix
        return bool(
            min(fx, fy, cx, cy) > 10 and zero == 0 and 0.5 < fx / fy < 2 and list(last) == [0, 0, 1]
        )

    def is_transform(self) -> bool:
        """Return whether the numbers look like a rotation and a translation."""
        if len(self.numbers) not in (12, 16):
            return False
        rotation = np.reshape(self.numbers, (-1, 4))[:3, :3]
        error = rotation_errors(rotation[None], may_mirror=True)[0]
        return bool(error <= ROTATION_TOLERANCE) and not np.allclose(rotation, np.eye(3), atol=1e-3)

    def _camera_matrix(self) -> Array | None:
        if len(self.numbers) == 9:
            return np.reshape(self.numbers, (3, 3))
        if len(self.numbers) == 12:
            return np.reshape(self.numbers, (3, 4))[:, :3]
        return None


def list_candidates(root: Path, files: Sequence[str]) -> list[Candidate]:
    """Return intrinsics and transforms in those files that can be read."""
    found = []
    for file in files[:_MAX_FILES]:
        try:
            content = read_calibration_file(root / file, "the folder")
        except (RigError, BrokenFileError, OSError):
            continue
        found += [
            candidate
            for key, numbers in _walk(content, (), 0)
            if (candidate := Candidate(file, key, numbers)).is_intrinsics()
            or candidate.is_transform()
        ]
    return found


def choose(
    candidates: Sequence[Candidate], camera: Sequence[str], others: Sequence[str]
) -> Candidate | None:
    """Return the candidate that is most likely that of a camera.

    Args:
        candidates: Some candidates.
        camera: Names of the camera's folders, the nearest first.
        others: Names of the other cameras.

    Returns:
        One whose file or key has the name of the camera, or the only one, or None.
    """
    scored = [(_score(candidate, camera, others), candidate) for candidate in candidates]
    best = max((score for score, _ in scored), default=0)
    found = [candidate for score, candidate in scored if score == best]
    if not found or (best == 0 and len(found) > 1):
        return None
    # Among several keys take the plain one: "extrinsic" rather than "extrinsic_old".
    return min(found, key=lambda candidate: (len(candidate.key), candidate.file))


def _score(candidate: Candidate, camera: Sequence[str], others: Sequence[str]) -> int:
    text = f"{candidate.file} {candidate.key}".lower()
    names = [name.lower() for name in camera]
    if any(other.lower() in text for other in others if other.lower() not in names):
        return -1
    # KITTI's P2 belongs to image_2.
    number = names[0].rpartition("_")[2] if names else ""
    if number.isdecimal() and candidate.key == f"P{int(number)}":
        return 3
    return 2 if names and names[0] in text else 0


def _walk(
    content: Any, keys: tuple[str, ...], depth: int
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield all rows of numbers in a file with their keys."""
    numbers = flatten_numbers(content) if keys else None
    if numbers is not None and len(numbers) in (9, 12, 16):
        yield ".".join(keys), numbers
    elif isinstance(content, Mapping) and depth < _MAX_DEPTH:
        for key, value in content.items():
            yield from _walk(value, (*keys, str(key)), depth + 1)
    elif isinstance(content, list) and depth < _MAX_DEPTH and len(content) < 100:
        for place, value in enumerate(content):
            yield from _walk(value, (*keys, str(place)), depth + 1)
