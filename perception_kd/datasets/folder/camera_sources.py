"""Calibrations that were found for the cameras of a folder, and their directions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_kd.datasets.folder.calibration_search import Candidate, choose
from perception_kd.datasets.folder.calibration_values import flatten_numbers, pick_named
from perception_kd.datasets.folder.rig_sensors import NUM_COEFFICIENTS
from perception_kd.datasets.folder.sensor_names import split_words
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Array

_SURE = 0.3  # difference of two cosines
_NAMED = 10.0  # votes of a key such as "lidar2cam", if the other direction may be, too
_LIDAR = r"velo(dyne)?|lidar|laser|livox|ouster|hesai|pandar|os[012]"
_CAMERA = r"cam(era)?\d*|image|img"
_DISTORTION = re.compile(r"d|dist\w*|distortion\w*|kc|k_c", re.IGNORECASE)
_FISHEYE = re.compile(r"fisheye|equidistant|kannala", re.IGNORECASE)


@dataclass(frozen=True)
class Distortion:
    """Coefficients of a lens beside its camera matrix.

    Attributes:
        model: "opencv" or "fisheye".
        key: Key of the coefficients in the file of the matrix.
        numbers: The coefficients.
        is_guess: Whether nothing says which model it is.
    """

    model: str
    key: str
    numbers: tuple[float, ...]
    is_guess: bool


@dataclass(frozen=True)
class CameraSource:
    """Calibration found for a camera.

    Attributes:
        intrinsics: Its camera matrix, or None.
        transform: Its extrinsics, or None.
        rectification: What turns them to rectified images, or None.
        votes: Positive if they are lidar2cam, negative for cam2lidar, 0 if unknown.
    """

    intrinsics: Candidate | None = None
    transform: Candidate | None = None
    rectification: Candidate | None = None
    votes: float = 0.0

    @property
    def is_of_ego(self) -> bool:
        """True if the extrinsics are those in the vehicle, by their names."""
        return self.transform is not None and self.transform.is_of_ego

    @property
    def distortion(self) -> Distortion | None:
        """Coefficients besides the camera matrix, unless it is of rectified images."""
        return None if self.intrinsics is None else _find_distortion(self.intrinsics)


def find_camera_source(
    candidates: Sequence[Candidate], names: Sequence[str], others: Sequence[str]
) -> CameraSource:
    """Return what is most likely the calibration of a camera.

    Args:
        candidates: All that was found.
        names: Names of the camera.
        others: Names of the other cameras.
    """
    intrinsics = choose([x for x in candidates if len(x.matrix) == 3], names, others)
    transform = choose([x for x in candidates if x.is_transform], names, others)
    if transform is None:
        return CameraSource(intrinsics)
    is_kitti = "velo_to_cam" in transform.text.lower()
    rectification = next((x for x in candidates if is_kitti and x.is_rectification), None)
    votes = uprightness(transform) or name_direction_of(transform)
    return CameraSource(intrinsics, transform, rectification, votes)


def name_direction_of(candidate: Candidate) -> float:
    """Return votes by names such as "lidar2cam" and "cam_to_lidar"; 0 without one."""
    text = candidate.text.lower()
    words = r"({})(?:_[a-z0-9]+)?_?(?:2|to)_?({})"
    if re.search(words.format(_LIDAR, _CAMERA), text):
        return _NAMED
    return -_NAMED if re.search(words.format(_CAMERA, _LIDAR), text) else 0.0


def lidar2cam(transform: Candidate, direction: str) -> Array:
    """Return extrinsics as ``lidar2cam``, (4, 4).

    Args:
        transform: The extrinsics.
        direction: "lidar2cam" or "cam2lidar", direction of the given extrinsics.
    """
    return transform.matrix if direction == "lidar2cam" else invert_rigid(transform.matrix)


def uprightness(transform: Candidate) -> float:
    """Return how much more upright a camera is by a transform than by its inverse.

    Args:
        transform: Extrinsics of a camera, of unknown direction.

    Returns:
        Positive if they are lidar2cam, negative for cam2lidar, and 0 if both may be.
    """
    votes = float(transform.matrix[2, 1] - transform.matrix[1, 2])
    return votes if abs(votes) > _SURE else 0.0


def agree_on_directions(votes: Sequence[float]) -> list[str]:
    """Return the direction of each camera; undecided ones follow the others.

    Args:
        votes: One for each camera, as :func:`uprightness` returns it.
    """
    usual = sum(votes)
    return ["cam2lidar" if (vote or usual) < 0 else "lidar2cam" for vote in votes]


def _find_distortion(intrinsics: Candidate) -> Distortion | None:
    words = split_words(intrinsics.key)
    if "rect" in words or "projection" in words or words[:1] == ("p",):
        return None
    above = intrinsics.key.rpartition(".")[0]
    near: Mapping[str, Any] = intrinsics.near
    for name, value in near.items():
        numbers = pick_named(value, "coefficients")
        if _DISTORTION.fullmatch(str(name)):
            numbers = numbers or flatten_numbers(value)
        if numbers is None or len(numbers) not in NUM_COEFFICIENTS or not np.any(numbers):
            continue
        models = " ".join(f"{key} {text}" for key, text in near.items() if isinstance(text, str))
        is_fisheye = len(numbers) == 4 and bool(_FISHEYE.search(f"{models} {name}"))
        key = ".".join(filter(None, [above, str(name)]))
        is_guess = len(numbers) == 4 and "model" not in models
        return Distortion("fisheye" if is_fisheye else "opencv", key, numbers, is_guess)
    return None
