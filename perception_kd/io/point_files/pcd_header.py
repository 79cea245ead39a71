"""Headers of PCD files, versions 0.5 to 0.7 of the Point Cloud Library."""

import re
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from perception_kd.io.point_files.fields import broken, check_number_of_points

MAX_HEADER = 2**16  # bytes
_TYPES = {"F": "f", "I": "i", "U": "u"}
_SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}
_ENCODINGS = ("ascii", "binary", "binary_compressed")
_VERSIONS = (0.5, 0.6, 0.7)
_PADDING = "_"
_SHAPE = ("WIDTH", "HEIGHT", "POINTS")
_END = re.compile(rb"^[ \t]*DATA[ \t]+(\S+)[ \t]*\r?\n", re.MULTILINE | re.IGNORECASE)


class PcdField(NamedTuple):
    """A field of a PCD file.

    Attributes:
        name: Its name, "_" for padding.
        dtype: Type of a value.
        length: Number of values per point, COUNT of the header, which may be 0.
    """

    name: str
    dtype: str
    length: int

    @property
    def num_bytes(self) -> int:
        """Size per point."""
        return int(self.dtype[2:]) * self.length


class PcdHeader(NamedTuple):
    """Header of a PCD file.

    Attributes:
        fields: Fields with padding, in the order of a point.
        num_points: N.
        encoding: "ascii", "binary" or "binary_compressed".
        size: Bytes of the header.
    """

    fields: tuple[PcdField, ...]
    num_points: int
    encoding: str
    size: int

    @property
    def row_bytes(self) -> int:
        """Size of a point in bytes."""
        return sum(field.num_bytes for field in self.fields)

    @property
    def row_dtype(self) -> np.dtype[Any]:
        """Type of a point, without its padding."""
        ends = accumulate(field.num_bytes for field in self.fields)
        used = [
            (field, end - field.num_bytes)
            for field, end in zip(self.fields, ends, strict=True)
            if is_used(field)
        ]
        return np.dtype(
            {
                "names": [field.name for field, _ in used],
                "formats": [value_type(field) for field, _ in used],
                "offsets": [offset for _, offset in used],
                "itemsize": self.row_bytes,
            }
        )


def is_used(field: PcdField) -> bool:
    """Return whether a field is more than padding."""
    return field.name != _PADDING and field.length > 0


def value_type(field: PcdField) -> Any:
    """Return NumPy's type for the values of a field of one point."""
    return field.dtype if field.length == 1 else (field.dtype, (field.length,))


def parse_header(data: bytes, path: Path) -> PcdHeader:
    """Return the header of a PCD file.

    Args:
        data: Content of the file, or its first ``MAX_HEADER`` bytes.
        path: The file, for errors.

    Raises:
        BrokenFileError: If there is no such header, or a field of it is wrong.
    """
    end = _END.search(data[:MAX_HEADER])
    if end is None:
        raise broken(path, "has no header of a PCD file, which ends with a line DATA")
    text = data[: end.end()].decode("latin-1")
    lines = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries = {words[0].upper(): words[1:] for words in lines if words}
    _check_version(entries, path)
    encoding = end[1].decode("latin-1").lower()
    if encoding not in _ENCODINGS:
        raise broken(path, f"has DATA {encoding!r}, but known are {', '.join(_ENCODINGS)}")
    return PcdHeader(_parse_fields(entries, path), _num_points(entries, path), encoding, end.end())


def _check_version(entries: dict[str, list[str]], path: Path) -> None:
    words = entries.get("VERSION", ["0.7"])
    try:
        is_known = float(words[0]) in _VERSIONS
    except (IndexError, ValueError):
        is_known = False
    if not is_known:
        raise broken(path, f"has VERSION {' '.join(words)!r}, but known are 0.5, 0.6 and 0.7")


def _parse_fields(entries: dict[str, list[str]], path: Path) -> tuple[PcdField, ...]:
    names = entries.get("FIELDS") or entries.get("COLUMNS") or []
    if not names:
        raise broken(path, "has no FIELDS in its header")
    sizes = _integers(entries, "SIZE", len(names), path)
    lengths = [1] * len(names)
    if "COUNT" in entries:
        lengths = _integers(entries, "COUNT", len(names), path)
    types = [word.upper() for word in entries.get("TYPE", [])]
    if len(types) != len(names):
        raise broken(path, f"has {len(types)} values of TYPE for {len(names)} FIELDS")
    fields = []
    for name, kind, size, length in zip(names, types, sizes, lengths, strict=True):
        if size not in _SIZES.get(kind, ()):
            raise broken(path, f"has field {name!r} of unknown TYPE {kind} and SIZE {size}")
        fields.append(PcdField(name, f"<{_TYPES[kind]}{size}", length))
    used = [field.name for field in fields if is_used(field)]
    if len(set(used)) < len(used):
        raise broken(path, f"has a field twice: {', '.join(used)}")
    return tuple(fields)


def _num_points(entries: dict[str, list[str]], path: Path) -> int:
    found = {key: _integers(entries, key, 1, path)[0] for key in _SHAPE if key in entries}
    shape = found.get("WIDTH", 0) * found.get("HEIGHT", 1)
    num_points = found.get("POINTS", shape)
    if "WIDTH" in found and num_points != shape:
        raise broken(path, f"has POINTS {num_points}, but WIDTH times HEIGHT is {shape}")
    check_number_of_points(path, num_points, "POINTS of its header")
    return num_points


def _integers(entries: dict[str, list[str]], key: str, number: int, path: Path) -> list[int]:
    words = entries.get(key, [])
    if len(words) != number or not all(word.isdecimal() and len(word) < 20 for word in words):
        raise broken(path, f"must have {number} integers as {key}, but has {' '.join(words)!r:.80}")
    return [int(word) for word in words]
