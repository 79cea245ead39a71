"""JSON files of a work dir, which may be damaged, incomplete or untrusted.

What cannot be used is left out, and named in a list that the page shows.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Sentences that say which files are damaged, each once.
Damage = dict[str, None]
# Steps of a training beyond this are not numbers that a training has logged.
_MAX_STEP = 2**53
# No score or time is larger.
_LARGEST = 1e15


def read_object(path: Path, damage: Damage) -> dict[str, Any]:
    """Return the object in a JSON file; empty, with a note, if the file is damaged."""
    content = _parse(_read(path, damage))
    if isinstance(content, dict):
        return content
    damage[f"{path} is damaged and was left out: it holds no JSON object."] = None
    return {}


def read_score_file(path: Path, damage: Damage) -> dict[str, float]:
    """Return the scores in a JSON file, by key; other values are noted."""
    return pick_numbers(read_object(path, damage), path, damage)


def pick_numbers(content: Mapping[str, Any], path: Path, damage: Damage) -> dict[str, float]:
    """Return the numbers among values from a file; other values are noted."""
    numbers = {key: v for key, value in content.items() if (v := to_number(value)) is not None}
    if len(numbers) < len(content):
        damage[f"{path} has scores that are not finite numbers; they were left out."] = None
    return numbers


def read_rows(path: Path, damage: Damage) -> Iterator[dict[str, float]]:
    """Yield the numbers of each line of a log, which has one JSON object per line.

    The last line may be incomplete, as while it is written. Values may be infinite or
    not a number, as a loss may be.
    """
    lines = _read(path, damage).splitlines()
    for number, line in enumerate(lines, start=1):
        row = _parse(line)
        values = {k: float(v) for k, v in row.items() if _is_float(v)} if _is_dict(row) else {}
        if 0 <= values.get("step", -1) < _MAX_STEP:
            yield {**values, "step": int(values["step"])}
        elif line.strip() and number < len(lines):
            damage[f"{path} is damaged: line {number} was left out."] = None


def to_number(value: Any) -> float | None:
    """Return a number that a score or a time can be; None for other values."""
    return float(value) if _is_float(value) and abs(value) < _LARGEST else None


def texts(value: Any) -> dict[str, str]:
    """Return the entries of a JSON object that are texts; empty for other values."""
    found = value if isinstance(value, Mapping) else {}
    return {key: text for key, text in found.items() if isinstance(text, str)}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_float(value: Any) -> bool:
    """Return whether a value is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _read(path: Path, damage: Damage) -> str:
    reason = "it is not a regular file"
    try:
        # Reading a pipe would wait for its writer.
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except OSError as error:
        reason = str(error.strerror)
    damage[f"{path} is damaged and was left out: {reason}."] = None
    return ""


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
