"""Guess the source of the times of a folder's files, for the first rig file."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from perception_kd.datasets.folder.file_times import read_text_table
from perception_kd.datasets.folder.rig import SCENE
from perception_kd.datasets.folder.sections import RigError, as_number
from perception_kd.datasets.folder.survey import FileGroup
from perception_kd.io.errors import BrokenFileError

# Digits of whole numbers since 1970.
_UNIT_OF_DIGITS = {19: "ns", 16: "us", 13: "ms", 10: "s"}
_RATE_HZ = 10


def guess_times(root: Path, group: FileGroup, tables: Sequence[str]) -> tuple[str, str]:
    """Return a value of ``times`` as YAML, and a comment on it.

    Args:
        root: The folder.
        group: Files of the LiDAR or of a camera.
        tables: Tables that were found.
    """
    stems = [PurePosixPath(path).stem for files in group.files.values() for path in files]
    pattern = _find_pattern(stems)
    if pattern:
        number = _number(pattern, stems[0])
        unit = _UNIT_OF_DIGITS.get(len(number.partition(".")[0]))
        if unit and (unit == "s" or "." not in number):
            return f'{{from: names, pattern: "{pattern}", unit: {unit}}}', ""
    if table := _find_table(root, group, tables):
        return f'{{from: csv, file: "{table}", time_column: 0, unit: s}}', "check the unit"
    if pattern:
        comment = f"names have numbers of frames; {_RATE_HZ} per second is a guess"
        return f'{{from: names, pattern: "{pattern}", rate_hz: {_RATE_HZ}}}', comment
    comment = "names have no times that were understood; write a pattern, or name a csv file"
    return f"{{from: order, rate_hz: {_RATE_HZ}}}", comment


def _find_pattern(stems: Sequence[str]) -> str:
    """Return the pattern of names in which one number differs, or an empty one."""
    words = [re.split(r"(\d+(?:\.\d+)?)", stem) for stem in stems]
    if len({len(x) for x in words}) != 1:
        return ""
    columns = [{*column} for column in zip(*words, strict=True)]
    differing = [i for i, names in enumerate(columns) if len(names) > 1]
    if len(stems) == 1:
        differing = [len(words[0]) - 2] if len(words[0]) > 1 else []
    if len(differing) != 1 or differing[0] % 2 == 0:
        return ""
    place = differing[0]
    return "".join("{time}" if i == place else word for i, word in enumerate(words[0]))


def _number(pattern: str, stem: str) -> str:
    before, _, after = pattern.partition("{time}")
    return stem[len(before) : len(stem) - len(after)]


def _find_table(root: Path, group: FileGroup, tables: Sequence[str]) -> str:
    """Return a table whose first column has a rising number for each file."""
    scene, files = next(iter(group.files.items()))
    for table in tables:
        parts = table.split("/")
        if scene and scene not in parts:
            continue
        try:
            rows = read_text_table(root / table, "the folder")
        except (RigError, BrokenFileError, OSError):
            continue
        numbers = [as_number(row[0]) for row in rows if row]
        values = [x for x in numbers if x is not None]
        is_column = len(rows) == len(files) == len(values) and len(rows[0]) == 1
        if is_column and values == sorted(values):
            return "/".join(SCENE if scene and part == scene else part for part in parts)
    return ""
