"""Times of the files of a sensor."""

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from perception_kd.datasets.folder.rig import SCENE, Times
from perception_kd.datasets.folder.sections import RigError, suggest
from perception_kd.io.bounded import read_bounded

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NUMBER = r"\d+(?:\.\d+)?"
_MAX_BYTES = 2**28
_MAX_TIME_S = 1e10


def read_file_times(
    times: Times, root: Path, scene: str, paths: Sequence[str], where: str
) -> list[float]:
    """Return the time of each file in s.

    Args:
        times: Where times come from.
        root: Folder of the recording.
        scene: Name of the scene's folder, for ``{scene}`` in a path.
        paths: The files in their order, relative to the root.
        where: Rig file and sensor, for errors.

    Raises:
        FileNotFoundError: If there is no csv file.
        RigError: If a file has no time.
    """
    if times.source == "order":
        found = [index / times.rate_hz for index in range(len(paths))]
    elif times.source == "names":
        found = [_time_of_name(times, path, len(paths), where) for path in paths]
    else:
        found = _times_of_csv(times, root / times.file.replace(SCENE, scene), paths, where)
    found = [time + times.offset_s for time in found]
    wrong = next((i for i, time in enumerate(found) if not abs(time) < _MAX_TIME_S), None)
    if wrong is not None:
        raise RigError(
            f"{where}.times: {paths[wrong]} would be of {found[wrong]:.4g} s, which is not a time "
            "since 1970 or the start of a recording; correct times.unit or the table."
        )
    return found


def _time_of_name(times: Times, path: str, count: int, where: str) -> float:
    stem = PurePosixPath(path).stem
    match = re.fullmatch(_pattern(times), stem)
    if match is None:
        hint = (
            "give times.pattern, such as 'image_{time}'"
            if times.pattern == "{time}"
            else ("correct it; * stands for anything")
        )
        raise RigError(
            f"{where}.times: the pattern {times.pattern!r} does not fit {path}, one of {count} "
            f"files; {hint}."
        )
    groups = match.groupdict()
    if "whole" in groups:
        seconds = int(groups["whole"])
        part = next(unit for unit in ("ms", "us", "ns") if unit in groups)
        return seconds + int(groups[part]) * SECONDS[part]
    return _to_seconds(times, groups["time"], f"{where}.times: the name of {path}")


def _pattern(times: Times) -> str:
    """Return the regular expression of a pattern of names."""
    words = {
        "{time}": f"(?P<time>{'.+?' if times.format else _NUMBER})",
        "{s}": r"(?P<whole>\d+)",
        "*": ".*?",
        **{f"{{{unit}}}": rf"(?P<{unit}>\d+)" for unit in ("ms", "us", "ns")},
    }
    parts = re.split(r"(\{\w+\}|\*)", times.pattern)
    return "".join(words.get(part, re.escape(part)) for part in parts)


def _to_seconds(times: Times, text: str, where: str) -> float:
    """Return a time in s.

    Raises:
        RigError: If the text is not a time.
    """
    try:
        if times.format:
            return _parse_date(text, times.format)
        if times.rate_hz:
            return float(text) / times.rate_hz
        # Nanoseconds since 1970 have more digits than a float.
        scale = round(1 / SECONDS[times.unit])
        if text.isdecimal():
            return int(text) // scale + int(text) % scale / scale
        return float(text) / scale
    except (ValueError, OverflowError, re.error):  # the latter of odd formats of dates
        kind = f"a date as {times.format!r}" if times.format else f"a number in {times.unit}"
        raise RigError(f"{where} has {text[:60]!r}, which is not {kind}; correct it.") from None


def _parse_date(text: str, form: str) -> float:
    if form.endswith("%f"):  # Python has at most microseconds
        text = re.sub(r"(\d{6})\d+$", r"\1", text)
    date = datetime.strptime(text, form)
    return date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp()


def _times_of_csv(times: Times, path: Path, paths: Sequence[str], where: str) -> list[float]:
    rows = read_text_table(path, f"{where}.times", whole_lines=" " in times.format)
    column = find_column(rows, times.time_column, path, f"{where}.times.time_column")
    body = rows if times.time_column.isdecimal() else rows[1:]
    place = f"{where}.times: a row of {path}"
    if not times.name_column:
        if len(body) != len(paths):
            raise RigError(
                f"{where}.times: {path} has {len(body)} rows, but there are {len(paths)} files, "
                f"such as {paths[0]}; name the column of the files with name_column, or complete "
                "the folder."
            )
        return [_to_seconds(times, _cell(row, column), place) for row in body]
    name = find_column(rows, times.name_column, path, f"{where}.times.name_column")
    found = {
        PurePosixPath(_cell(row, name)).stem: _to_seconds(times, _cell(row, column), place)
        for row in body
    }
    return _look_up_names(found, path, paths, where)


def _look_up_names(
    found: Mapping[str, float], path: Path, paths: Sequence[str], where: str
) -> list[float]:
    lacking = [x for x in paths if PurePosixPath(x).stem not in found]
    if lacking:
        raise RigError(
            f"{where}.times: {path} has no row for {lacking[0]} and {len(lacking) - 1} more of "
            f"{len(paths)} files; add them, or leave these files out with a narrower pattern."
        )
    return [found[PurePosixPath(x).stem] for x in paths]


def read_text_table(path: Path, where: str, *, whole_lines: bool = False) -> list[list[str]]:
    """Return the cells of a table, row by row.

    Args:
        path: Text with columns separated by comma, semicolon, tab or blanks. Empty
            lines and those that begin with # are left out.
        where: What names the file, for errors.
        whole_lines: Whether a line without comma, semicolon and tab is one cell.

    Raises:
        FileNotFoundError: If there is no such file.
        RigError: If it is not text, or empty.
    """
    remedy = f"{where} names it: correct the path, which is relative to --root."
    data = read_bounded(path, "table", remedy, _MAX_BYTES)
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RigError(f"{path}, named by {where}, is not text; name another file.") from error
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise RigError(f"{path}, named by {where}, has no rows; name another file.")
    delimiter = next((x for x in ",;\t" if x in lines[0]), None)
    if delimiter is None:
        return [[line.strip()] if whole_lines else line.split() for line in lines]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise RigError(f"{path}, named by {where}, is not a table: {error}; correct it.") from error


def find_column(rows: Sequence[Sequence[str]], column: str, path: Path, where: str) -> int:
    """Return the place of a column.

    Args:
        rows: Cells; the first row has the names, unless the column is a number.
        column: Its name, or its number from 0.
        path: The file, for errors.
        where: Rig file and key, for errors.

    Raises:
        RigError: If there is no such column.
    """
    head = list(rows[0])
    if column.isdecimal() and int(column) < len(head):
        return int(column)
    if column in head:
        return head.index(column)
    has = ", ".join(head[:12])
    raise RigError(
        f"{where} is {column!r}, but the first line of {path} has {has}; {suggest(column, head)}"
        "name one of them, or give its number from 0."
    )


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""
