"""Rigid transforms of a rig file, in each way that calibrations are written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.calibration_values import (
    Numbers,
    read_file_numbers,
    read_numbers,
)
from perception_kd.datasets.folder.sections import RigError, RigSection
from perception_kd.geometry.rigid import ROTATION_TOLERANCE, make_rigid, rotation_errors
from perception_kd.structures import Array

_MATRIX = (16, 12)
# Numbers of each way to write a rotation.
_ROTATIONS = {
    "rotation": (9,),
    "quaternion_wxyz": (4,),
    "quaternion_xyzw": (4,),
    "rpy_deg": (3,),
    "rpy_rad": (3,),
}
_LARGEST_TURN = 2 * np.pi + 0.01  # rad
_UNIT_TOLERANCE = 0.05


@dataclass(frozen=True)
class TransformStep:
    """One transform of a chain.

    Attributes:
        kind: "matrix", or how the rotation is written, one of ``_ROTATIONS``.
        numbers: The matrix or the rotation.
        translation: Origin of source in destination coordinates in m; None
            if it is in the matrix.
    """

    kind: str
    numbers: Numbers
    translation: Numbers | None = None

    def load(self, root: Path, scene: str) -> Array:
        """Return ``src2dst``, shape (4, 4), with an exact rotation or reflection.

        Raises:
            RigError: If it is neither.
        """
        values, where = self.numbers.load(root, scene), self.numbers.where
        if self.kind == "matrix":
            matrix = values.reshape(-1, 4)
            if len(matrix) == 4 and not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
                raise RigError(f"{where} must end with the row 0, 0, 0, 1, but is {_rows(matrix)}.")
            return make_rigid(_nearest_orthogonal(matrix[:3, :3], where), matrix[:3, 3])
        if self.kind == "rotation":
            rotation = _nearest_orthogonal(values.reshape(3, 3), where)
        elif self.kind.startswith("quaternion"):
            rotation = _from_quaternion(values, self.kind, where)
        else:
            # Roll about x, then pitch about y, then yaw about z, all fixed axes.
            degrees = self.kind == "rpy_deg"
            if not degrees and np.abs(values).max() > _LARGEST_TURN:
                raise RigError(
                    f"{where} has an angle of {np.abs(values).max():g} rad, more than a full turn; "
                    "rename it to rpy_deg if the angles are in degrees."
                )
            rotation = Rotation.from_euler("xyz", values, degrees=degrees).as_matrix()
        translation = self.translation
        return make_rigid(
            rotation, np.zeros(3) if translation is None else translation.load(root, scene)
        )


@dataclass(frozen=True)
class RigidTransform:
    """A rigid transform of a rig file.

    Attributes:
        steps: Transforms that are applied one after another, the first one first.
    """

    steps: tuple[TransformStep, ...]

    def load(self, root: Path, scene: str = "", *, mirrors: bool = False) -> Array:
        """Return ``src2dst``, shape (4, 4).

        Args:
            root: Folder of the recording.
            scene: Name of the scene, for paths of calibration files.
            mirrors: Whether it must be a reflection, as between a left-handed and a
                right-handed coordinate system; else it must be a rotation.

        Raises:
            FileNotFoundError: If a file is missing.
            RigError: If it is no such transform.
        """
        src2dst = np.eye(4)
        for step in self.steps:
            src2dst = step.load(root, scene) @ src2dst
        where = self.steps[0].numbers.where
        is_mirror = bool(np.linalg.det(src2dst[:3, :3]) < 0)
        if is_mirror and not mirrors:
            raise RigError(
                f"{where} has a reflection in place of a rotation (determinant -1): one axis "
                "points the wrong way, as between left-handed and right-handed coordinates; "
                "correct it, or name left-handed axes with axes."
            )
        if mirrors and not is_mirror:
            raise RigError(
                f"{where} has a rotation, but the axes of one sensor are left-handed, and those of "
                "the other are not; correct axes of the LiDAR or of the camera, such as [forward, "
                "right, up] for both in CARLA."
            )
        return src2dst


def read_transform(section: RigSection, key: str) -> RigidTransform:
    """Read a transform of a rig file.

    Args:
        section: The mapping that has it.
        key: Its key, which names the direction.

    Returns:
        From a matrix (4x4, 3x4 or their numbers in a row), a mapping with ``matrix``, a
        rotation and ``translation``, or ``file`` and ``key``; or from a list of these.

    Raises:
        RigError: If it is anything else.
    """
    value = section.value(key)
    is_chain = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    if is_chain:
        steps = [
            _read_step(RigSection(item, section.path, f"{section.name(key)}[{index}]"))
            for index, item in enumerate(value)
        ]
        return RigidTransform(tuple(steps))
    if isinstance(value, dict) and "data" not in value:
        return RigidTransform((_read_step(section.section(key)),))
    return RigidTransform((TransformStep("matrix", read_numbers(section, key, _MATRIX)),))


def _read_step(section: RigSection) -> TransformStep:
    if section.has("file"):
        return TransformStep("matrix", read_file_numbers(section, _MATRIX))
    kind = section.one_of("matrix", *_ROTATIONS)
    numbers = read_numbers(section, kind, _ROTATIONS.get(kind, _MATRIX))
    translation = None
    if kind != "matrix":
        translation = read_numbers(section, "translation", (3,))
    section.close()
    return TransformStep(kind, numbers, translation)


def _nearest_orthogonal(matrix: Array, where: str) -> Array:
    """Return the rotation or reflection next to a matrix that is nearly one.

    Raises:
        RigError: If it is not close to a rotation.
    """
    if not rotation_errors(matrix[None], may_mirror=True)[0] <= ROTATION_TOLERANCE:
        determinant = float(np.linalg.det(matrix))
        lengths = ", ".join(f"{x:.3g}" for x in np.linalg.norm(matrix, axis=1))
        raise RigError(
            f"{where} has no rotation: its rows must be of length 1 and at right angles, but "
            f"have lengths {lengths} and determinant {determinant:.3g}; correct it, or name "
            "another key."
        )
    u, _, vt = np.linalg.svd(matrix)
    nearest: Array = u @ vt
    return matrix if np.allclose(nearest, matrix, atol=1e-9) else nearest


def _from_quaternion(values: Array, kind: str, where: str) -> Array:
    norm = float(np.linalg.norm(values))
    if abs(norm - 1) > _UNIT_TOLERANCE:
        raise RigError(f"{where} must be a unit quaternion, but has length {norm:.3g}; correct it.")
    ordered = np.roll(values, -1) if kind == "quaternion_wxyz" else values
    matrix: Array = Rotation.from_quat(ordered).as_matrix()
    return matrix


def _rows(matrix: Any) -> str:
    return " ".join(f"{x:.3g}" for x in matrix[3])
