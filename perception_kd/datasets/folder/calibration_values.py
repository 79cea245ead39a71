"""Numbers of a calibration: in the rig file, or by key in a file beside the data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perception_kd.datasets.folder.sections import RigError, RigSection, as_number, suggest
from perception_kd.io.bounded import read_bounded
from perception_kd.io.info_fields import show
from perception_kd.structures import Array

_MAX_BYTES = 2**24
_MAX_DEPTH, _MAX_NUMBERS = 4, 64
WHOLE_FILE = "."  # key of all that a file has
# Names of numbers in mappings, in the order in which a key of the rig file has them.
_RPY = (("roll", "pitch", "yaw"),)
NAMED_NUMBERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "intrinsics": (("fx", "fy", "cx", "cy"),),
    "coefficients": (
        ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
        ("k1", "k2", "p1", "p2", "k3"),
        ("k1", "k2", "p1", "p2"),
        ("k1", "k2", "k3", "k4"),
    ),
    "translation": (("x", "y", "z"), ("tx", "ty", "tz")),
    "quaternion_wxyz": (("w", "x", "y", "z"), ("qw", "qx", "qy", "qz")),
    "quaternion_xyzw": (("x", "y", "z", "w"), ("qx", "qy", "qz", "qw")),
    "rpy_deg": _RPY,
    "rpy_rad": _RPY,
}


@dataclass(frozen=True)
class Numbers:
    """Numbers of a calibration, in their order.

    Attributes:
        where: Rig file and key, for errors.
        sizes: How many numbers there may be.
        values: The numbers, or None if they are in a file.
        file: File relative to the root, with ``{scene}`` for the name of the scene.
        key: Keys in that file, joined by dots.
        role: Key of the rig file that has the numbers, one of ``NAMED_NUMBERS`` if they
            may have names.
    """

    where: str
    sizes: tuple[int, ...]
    values: tuple[float, ...] | None = None
    file: str = ""
    key: str = ""
    role: str = ""

    def load(self, root: Path, scene: str = "") -> Array:
        """Return the numbers, shape (n,), with n one of ``sizes``.

        Args:
            root: Folder of the recording.
            scene: Name that replaces ``{scene}`` in the path.

        Raises:
            FileNotFoundError: If there is no such file.
            RigError: If it does not have such numbers.
        """
        if self.values is not None:
            return np.array(self.values)
        path = root / self.file.replace("{scene}", scene)
        content = read_calibration_file(path, self.where)
        value = _look_up(content, self.key, f"{self.where} names {path}")
        numbers = pick_named(value, self.role) or flatten_numbers(value)
        if numbers is None or len(numbers) not in self.sizes:
            raise RigError(
                f"{self.where} names {self.key} of {path}, which must be {_sizes(self.sizes)} "
                f"numbers, but is {show(value)}; name another key."
            )
        return np.array(numbers)


def read_numbers(section: RigSection, key: str, sizes: Sequence[int]) -> Numbers:
    """Read numbers of a rig file: a list, nested or not, or ``{file: ..., key: ...}``.

    Args:
        section: The mapping that has them.
        key: Its key.
        sizes: How many numbers there may be.

    Raises:
        RigError: If they are missing or anything else.
    """
    value, where = section.value(key), f"{section.path}: {section.name(key)}"
    if isinstance(value, Mapping) and "data" not in value:
        return read_file_numbers(section.section(key), sizes, key)
    numbers = flatten_numbers(value)
    if numbers is None or len(numbers) not in sizes:
        raise section.error(
            key,
            f"must be {_sizes(sizes)} numbers, but is {show(value)}",
            "write them as a list, or name them as {file: ..., key: ...}",
        )
    return Numbers(where, tuple(sizes), values=numbers)


def read_file_numbers(section: RigSection, sizes: Sequence[int], role: str = "") -> Numbers:
    """Read a mapping of ``file`` and ``key``, which name numbers of another file.

    Args:
        section: The mapping.
        sizes: How many numbers there may be.
        role: Key that has the mapping.
    """
    file, key = section.path_text("file"), section.text("key")
    section.close()
    where = f"{section.path}: {section.where}"
    return Numbers(where, tuple(sizes), file=file, key=key, role=role)


def pick_named(value: Any, role: str) -> tuple[float, ...] | None:
    """Return numbers from a mapping of their names, such as ``{fx: ..., fy: ...}``.

    Args:
        value: Anything; other keys of a mapping do not matter.
        role: Key of the rig file, which says what names they have.

    Returns:
        None if it is no mapping with all of these names.
    """
    if not isinstance(value, Mapping):
        return None
    by_name = {str(name).lower(): number for name, number in value.items()}
    for names in NAMED_NUMBERS.get(role, ()):
        numbers = [as_number(by_name.get(name)) for name in names]
        found = tuple(number for number in numbers if number is not None)
        if len(found) == len(names):
            return found
    return None


def flatten_numbers(value: Any, depth: int = 0) -> tuple[float, ...] | None:
    """Return the numbers of a value in order, or None if it holds anything else.

    Args:
        value: A list, nested or not; text with numbers, as in KITTI's files; or a
            mapping with ``data``, as OpenCV and ROS write matrices.
        depth: How deep it is nested; lists of YAML may even hold themselves.
    """
    if isinstance(value, Mapping):
        value = value.get("data")
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, str):
        value = re.split(r"[\s,]+", value.strip())
    if not isinstance(value, list):
        value = [value]
    numbers: list[float] = []
    for item in value:
        number = as_number(item)
        found = flatten_numbers(item, depth + 1) if isinstance(item, list) else (number,)
        if found is None or None in found or len(numbers) > _MAX_NUMBERS:
            return None
        numbers.extend(x for x in found if x is not None)
    return tuple(numbers)


def read_calibration_file(path: Path, where: str) -> Any:
    """Read a JSON, YAML or OpenCV file, or a text of lines ``KEY: numbers``.

    Args:
        path: The file.
        where: What names it, for errors.

    Raises:
        FileNotFoundError: If there is no such file.
        RigError: If it cannot be read.
    """
    remedy = f"{where} names it: correct the path, which is relative to --root."
    data = read_bounded(path, "calibration", remedy, _MAX_BYTES)
    try:
        text = data.decode("utf-8-sig")
        # OpenCV writes "%YAML:1.0", which is not a directive of YAML.
        text = re.sub(r"\A%YAML:.*\n", "", text).replace("\t", " ")
        return yaml.load(text, _CalibrationLoader)
    except Exception as error:  # what makes values of tags raises nearly anything
        reason = " ".join(str(error).split())[:200]
        raise RigError(
            f"{path}, named by {where}, is neither JSON nor YAML nor lines of KEY: numbers: "
            f"{reason}; correct it, or write its numbers into the rig file."
        ) from error


class _CalibrationLoader(yaml.SafeLoader):
    """A safe loader that reads OpenCV's matrices as mappings."""


_CalibrationLoader.add_multi_constructor(
    "tag:yaml.org,2002:opencv-",
    lambda loader, _, node: loader.construct_mapping(node, deep=True),
)


def _look_up(content: Any, key: str, where: str) -> Any:
    """Return a value by its keys, joined by dots; numbers are places in a list."""
    if key == WHOLE_FILE:
        return content
    if isinstance(content, Mapping) and key in content:
        return content[key]
    for part in key.split("."):
        known = list(map(str, content)) if isinstance(content, Mapping) else []
        if isinstance(content, list) and part.isdecimal() and int(part) < len(content):
            content = content[int(part)]
        elif part in known:
            content = {str(name): value for name, value in content.items()}[part]
        else:
            has = f"it has {', '.join(known[:12])}" if known else "there are no keys"
            raise RigError(
                f"{where}, which has no key {key!r}: {suggest(part, known)}{has}; correct it."
            )
    return content


def _sizes(sizes: Sequence[int]) -> str:
    return " or ".join(map(str, sizes))
