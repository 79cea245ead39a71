"""Files of several sensors in one folder, distinguished by parts of their names."""

import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

_MAX_SENSORS = 32
_WORD = r"[^\W\d_][^\W_]*(?:[_-][^\W\d_][^\W_]*)*"
# A name before the numbers, such as "cam0_" and "left", or after them, such as "_rear".
_BEFORE = re.compile(rf"({_WORD})([_\-. ]+)\d.*")
_BEFORE_CLOSE = re.compile(r"([^\W\d_]+(?:[_-][^\W\d_]+)*)()\d{3,}.*")
_AFTER = re.compile(rf"\d.*?([_\-. ]+)({_WORD})")


class NamedSensor(NamedTuple):
    """Files of one sensor in a folder.

    Attributes:
        label: Name of the sensor; empty if all files of the folder are its own.
        pattern: Pattern of its names without suffix.
    """

    label: str
    pattern: str

    def has(self, stem: str) -> bool:
        """Return whether a name without suffix is that of one of its files."""
        return not self.label or _read(stem) == self


def split_by_names(stems: Sequence[str]) -> list[NamedSensor]:
    """Return the sensors whose files lie in one folder.

    Args:
        stems: Names without suffix.

    Returns:
        One with a pattern for all files, unless all names have one of a few labels and
        each label is that of several files that its pattern tells from the others.
    """
    counts = Counter(map(_read, stems))
    labels = {sensor.label for sensor in counts}
    is_split = (
        1 < len(counts) <= _MAX_SENSORS
        and len(labels) == len(counts)
        and "" not in labels
        and min(counts.values()) > 1
        and 2 * min(counts.values()) >= max(counts.values())
    )
    if is_split and all(
        sum(fnmatchcase(stem, sensor.pattern) for sensor in counts) == 1 for stem in stems
    ):
        return sorted(counts)
    return [NamedSensor("", "*")]


def _read(stem: str) -> NamedSensor:
    for form in (_BEFORE, _BEFORE_CLOSE):
        if match := form.fullmatch(stem):
            return NamedSensor(match[1], f"{match[1]}{match[2]}[0-9]*")
    if match := _AFTER.fullmatch(stem):
        return NamedSensor(match[2], f"[0-9]*{match[1]}{match[2]}")
    return NamedSensor("", "*")
