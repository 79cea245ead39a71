"""Rotations and translations that stand beside each other in a calibration file."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.calibration_values import flatten_numbers, pick_named
from perception_kd.geometry.rigid import ROTATION_TOLERANCE, make_rigid, rotation_errors
from perception_kd.structures import Array

_TRANSLATION = re.compile(r"t|tvec|translation|trans|position|pos|xyz|location", re.IGNORECASE)
_ROTATION = re.compile(
    r"r|rot|rotation|rotation_matrix|q|quat\w*|orientation|rpy\w*|euler\w*", re.IGNORECASE
)
_FULL_TURN = 2 * np.pi + 0.01  # rad


def find_mounts(
    content: Mapping[Any, Any],
) -> Iterator[tuple[Mapping[str, tuple[str, ...]], Array]]:
    """Yield the transforms of a mapping with a rotation and a translation.

    Args:
        content: A mapping of a calibration file.

    Yields:
        Keys in the mapping by keys of the rig file, none for the mapping itself; and
        the transform, (4, 4).
    """
    found = _find_translation(content)
    if found is None:
        return
    place, translation = found
    for name, value in {"": content, **content}.items():
        if name and not _ROTATION.fullmatch(str(name)):
            continue
        if (rotation := _read_rotation(str(name), value)) is not None:
            role, matrix = rotation
            own = (str(name),) if name else ()
            yield {role: own, "translation": place}, make_rigid(matrix, np.array(translation))
            return


def _find_translation(
    content: Mapping[Any, Any],
) -> tuple[tuple[str, ...], tuple[float, ...]] | None:
    for name, value in content.items():
        if _TRANSLATION.fullmatch(str(name)):
            numbers = pick_named(value, "translation") or flatten_numbers(value)
            if numbers is not None and len(numbers) == 3:
                return (str(name),), numbers
    numbers = pick_named(content, "translation")
    return None if numbers is None else ((), numbers)


def _read_rotation(name: str, value: Any) -> tuple[str, Array] | None:
    """Return the key of the rig file for a rotation, and its matrix."""
    for role in ("quaternion_xyzw", "rpy_rad"):
        if (numbers := pick_named(value, role)) is not None:
            return _read_numbers(
                role if len(numbers) == 4 else _name_angles(name, numbers), numbers
            )
    numbers = flatten_numbers(value) if name else None
    if numbers is None:
        return None
    if len(numbers) == 9:
        matrix = np.reshape(numbers, (3, 3))
        is_rotation = rotation_errors(matrix[None], may_mirror=True)[0] <= ROTATION_TOLERANCE
        return ("rotation", matrix) if is_rotation else None
    if len(numbers) == 4 and (order := re.search("wxyz|xyzw", name.lower())):
        return _read_numbers(f"quaternion_{order[0]}", numbers)
    if len(numbers) == 3 and re.match("rpy|euler", name.lower()):
        return _read_numbers(_name_angles(name, numbers), numbers)
    return None


def _name_angles(name: str, numbers: tuple[float, ...]) -> str:
    in_degrees = "deg" in name.lower() or max(map(abs, numbers)) > _FULL_TURN
    return "rpy_deg" if in_degrees else "rpy_rad"


def _read_numbers(role: str, numbers: tuple[float, ...]) -> tuple[str, Array] | None:
    """Return the matrix of a quaternion of length 1, or of angles."""
    if role.startswith("rpy"):
        return role, Rotation.from_euler("xyz", numbers, degrees=role == "rpy_deg").as_matrix()
    if abs(float(np.linalg.norm(numbers)) - 1) > 0.01:
        return None
    ordered = np.roll(numbers, -1) if role == "quaternion_wxyz" else numbers
    return role, Rotation.from_quat(ordered).as_matrix()
