"""Tables of a folder that may have the times of files, for the first rig file."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from perception_kd.datasets.folder.file_times import read_text_table
from perception_kd.datasets.folder.rig import SCENE
from perception_kd.datasets.folder.sections import RigError, as_number
from perception_kd.datasets.folder.survey import FileGroup
from perception_kd.io.errors import BrokenFileError

# Digits of whole numbers since 1970.
UNIT_OF_DIGITS = {19: "ns", 16: "us", 13: "ms", 10: "s"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d\.\d+")


def find_time_table(root: Path, group: FileGroup, tables: Sequence[str]) -> tuple[str, str] | None:
    """Return ``times`` as YAML with a table of the times of files, and a comment.

    Args:
        root: The folder.
        group: Files of the LiDAR or of a camera.
        tables: Tables that were found, relative to the root.

    Returns:
        That of the table which lies nearest to the files; None if no table fits.
    """
    scene, files = next(iter(group.files.items()))
    folders = files[0].split("/")[:-1]
    in_scene = [table for table in tables if not scene or scene in table.split("/")]
    for table in sorted(in_scene, key=lambda table: -_count_shared(table, folders)):
        found = _read_times(root / table, files)
        if found is not None:
            parts = (SCENE if scene and part == scene else part for part in table.split("/"))
            columns, comment = found
            return f'{{from: csv, file: "{"/".join(parts)}", {columns}}}', comment
    return None


def _count_shared(table: str, folders: Sequence[str]) -> int:
    """Return how many folders of a table are also those of the files."""
    shared = 0
    for name, folder in zip(table.split("/")[:-1], folders, strict=False):
        if name != folder:
            break
        shared += 1
    return shared


def _read_times(path: Path, files: Sequence[str]) -> tuple[str, str] | None:
    """Return keys of ``times`` that fit a table; None if it has no times of files."""
    try:
        rows = read_text_table(path, "the folder", whole_lines=True)
        if len(rows) == len(files) and all(_DATE.fullmatch(row[0]) for row in rows):
            between = _DATE.fullmatch(rows[0][0])
            separator = between[1] if between else " "
            return f'time_column: 0, format: "%Y-%m-%d{separator}%H:%M:%S.%f"', ""
        rows = read_text_table(path, "the folder")
    except (RigError, BrokenFileError, OSError):
        return None
    has_head = all(as_number(cell) is None for cell in rows[0])
    head, body = (rows[0], rows[1:]) if has_head else (list(map(str, range(99))), rows)
    stems = {PurePosixPath(file).stem for file in files}
    columns = [[row[i] for row in body] for i in range(min(map(len, rows)))] if body else []
    named = [
        i for i, cells in enumerate(columns) if stems <= {PurePosixPath(x).stem for x in cells}
    ]
    if not named and len(body) != len(files):
        return None
    places = [i for i, cells in enumerate(columns) if i not in named and _is_rising(cells)]
    if has_head:
        places.sort(key=lambda i: not re.search("time|stamp|sec", head[i].lower()))
    if not places or not (named or len(columns) == 1):
        return None
    unit = UNIT_OF_DIGITS.get(len(columns[places[0]][0].partition(".")[0]))
    name = f", name_column: {head[named[0]]}" if named else ""
    comment = "" if unit else "check the unit"
    return f"time_column: {head[places[0]]}{name}, unit: {unit or 's'}", comment


def _is_rising(cells: Sequence[str]) -> bool:
    numbers = [as_number(cell) for cell in cells]
    values = [number for number in numbers if number is not None]
    return len(values) == len(cells) and values == sorted(values)
