"""Guess the source of the times of a folder's files, for the first rig file."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from perception_kd.datasets.folder.survey import FileGroup
from perception_kd.datasets.folder.time_tables import UNIT_OF_DIGITS, find_time_table

_RATE_HZ = 10
_PARTS = {9: "ns", 6: "us", 3: "ms"}  # digits of a part of a second
_PAIR = re.compile(r"((?:.*?[^\d.])?)(\d{10})([_\-,])(\d{9}|\d{6}|\d{3})((?:\D.*)?)")


def guess_times(root: Path, group: FileGroup, tables: Sequence[str]) -> tuple[str, str]:
    """Return a value of ``times`` as YAML, and a comment on it.

    Args:
        root: The folder.
        group: Files of the LiDAR or of a camera.
        tables: Tables that were found.
    """
    stems = [PurePosixPath(path).stem for files in group.files.values() for path in files]
    if pattern := _find_pair(stems):
        return f'{{from: names, pattern: "{pattern}"}}', ""
    pattern = _find_pattern(stems)
    if pattern:
        number = _number(pattern, stems[0])
        unit = UNIT_OF_DIGITS.get(len(number.partition(".")[0]))
        if unit and (unit == "s" or "." not in number):
            return f'{{from: names, pattern: "{pattern}", unit: {unit}}}', ""
    if table := find_time_table(root, group, tables):
        return table
    if pattern:
        comment = f"names have numbers of frames; {_RATE_HZ} per second is a guess"
        return f'{{from: names, pattern: "{pattern}", rate_hz: {_RATE_HZ}}}', comment
    comment = "names have no times that were understood; write a pattern, or name a csv file"
    return f"{{from: order, rate_hz: {_RATE_HZ}}}", comment


def _find_pair(stems: Sequence[str]) -> str:
    """Return the pattern of names with seconds since 1970 and a part of a second."""
    forms = {_PAIR.fullmatch(stem) for stem in stems}
    shapes = {(form[1], form[3], len(form[4]), form[5]) for form in forms if form}
    if None in forms or len(shapes) != 1:
        return ""
    before, between, digits, after = shapes.pop()
    return f"{before}{{s}}{between}{{{_PARTS[digits]}}}{after}"


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
