"""Fields of nuScenes' tables that are read: their types, defaults and references."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.io.names import find_path_fault, safe_name
from perception_kd.utils.checks import is_finite, is_whole

_Check = Callable[[Any], str]


def _numbers(count: int) -> _Check:
    def check(value: Any) -> str:
        good = isinstance(value, list) and len(value) == count and all(map(is_finite, value))
        return "" if good else f"must be a list of {count} finite numbers"

    return check


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "must be a string"


def _token(value: Any) -> str:
    return "" if isinstance(value, str) and value else "must be a token, a string"


def _word(value: Any) -> str:
    good = isinstance(value, str) and value.isprintable() and value == "".join(value.split())
    return "" if good and value else "must be a name without blanks"


def _path(value: Any) -> str:
    return find_path_fault(value)


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _count(value: Any) -> str:
    good = is_whole(value) and value >= 0
    return "" if good else "must be an integer from 0"


def _time(value: Any) -> str:
    return "" if is_finite(value) else "must be a time in microseconds, a finite number"


def _position(value: Any) -> str:
    fault = _numbers(3)(value)
    if not fault and max(map(abs, value)) > 1e8:
        return "must be a position in m, within 100 000 km"
    return fault


def _size(value: Any) -> str:
    good = not _numbers(3)(value) and min(value) > 0
    return "" if good else "must be width, length and height in m, three positive numbers"


def _rotation(value: Any) -> str:
    good = not _numbers(4)(value) and abs(math.hypot(*value) - 1) < 0.01
    return "" if good else "must be a unit quaternion (w, x, y, z) of finite numbers"


def _matrix(value: Any) -> str:
    if value == []:
        return ""
    rows = isinstance(value, list) and len(value) == 3 and not any(map(_numbers(3), value))
    return "" if rows else "must be a 3 x 3 matrix of finite numbers in px, or [] for a LiDAR"


def _tokens(value: Any) -> str:
    return "" if isinstance(value, list) and not any(map(_token, value)) else "must list tokens"


_FIELDS: Mapping[str, Mapping[str, _Check]] = {
    "attribute": {"token": _token, "name": _text},
    "calibrated_sensor": {
        "token": _token,
        "sensor_token": _token,
        "translation": _position,
        "rotation": _rotation,
        "camera_intrinsic": _matrix,
    },
    "category": {"token": _token, "name": _token},
    "ego_pose": {"token": _token, "translation": _position, "rotation": _rotation},
    "instance": {"token": _token, "category_token": _token},
    "lidarseg": {"token": _token, "sample_data_token": _token, "filename": _path},
    "log": {"token": _token, "location": _text},
    "sample": {
        "token": _token,
        "timestamp": _time,
        "scene_token": _token,
        "prev": _text,
        "next": _text,
    },
    "sample_annotation": {
        "token": _token,
        "sample_token": _token,
        "instance_token": _token,
        "translation": _position,
        "size": _size,
        "rotation": _rotation,
        "prev": _text,
        "next": _text,
        "num_lidar_pts": _count,
        "num_radar_pts": _count,
        "attribute_tokens": _tokens,
        "visibility_token": _text,
    },
    "sample_data": {
        "token": _token,
        "sample_token": _token,
        "ego_pose_token": _token,
        "calibrated_sensor_token": _token,
        "timestamp": _time,
        "filename": _path,
        "is_key_frame": _flag,
        "prev": _text,
        "height": _count,
        "width": _count,
    },
    "scene": {"token": _token, "name": _word, "log_token": _text, "nbr_samples": _count},
    "sensor": {"token": _token, "channel": _token, "modality": _text},
}
# None: the field stays missing, and its reader knows what to do.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "calibrated_sensor": {"camera_intrinsic": []},
    "log": {"location": None},
    "sample": {"prev": "", "next": ""},  # read only for frames between keyframes
    "sample_annotation": {
        "prev": "",
        "next": "",
        "num_lidar_pts": None,
        "num_radar_pts": 0,
        "attribute_tokens": [],
        "visibility_token": "",
    },
    "sample_data": {"prev": "", "height": 0, "width": 0},
    "scene": {"log_token": "", "nbr_samples": 0},
}
# Fields that name a record of another table, or of the same one; "" names none.
_REFERENCES: Mapping[str, Mapping[str, str]] = {
    "calibrated_sensor": {"sensor_token": "sensor"},
    "instance": {"category_token": "category"},
    "sample_annotation": {
        "sample_token": "sample",
        "instance_token": "instance",
        "prev": "sample_annotation",
        "next": "sample_annotation",
    },
    "sample_data": {
        "sample_token": "sample",
        "ego_pose_token": "ego_pose",
        "calibrated_sensor_token": "calibrated_sensor",
        "prev": "sample_data",
    },
}
# Tables whose tokens become names of files.
_NAMING = ("sample", "sample_data", "scene")


def describe(folder: Path, table: str, record: Record) -> str:
    """Return the beginning of an error about a record: its file and its token.

    Args:
        folder: Folder of the tables.
        table: Name of the table, without suffix.
        record: The record.
    """
    token = record.get("token")
    text = repr(token if token is not None else record)
    return f"{folder / table}.json, record {text if len(text) <= 80 else text[:77] + '...'}:"


def complete_record(folder: Path, table: str, record: Record) -> Record:
    """Check the fields of a record, and add the defaults of missing ones in place.

    Args:
        folder: Folder of the tables.
        table: Name of the table.
        record: The record.

    Returns:
        ``record``.

    Raises:
        ValueError: If a field is missing or has a wrong value.
    """
    defaults = _DEFAULTS.get(table, {})
    for field, check in _FIELDS[table].items():
        if field in defaults and record.get(field) is None:
            record.pop(field, None)
        if field not in record:
            if field not in defaults:
                raise ValueError(
                    f"{describe(folder, table, record)} it has no field {field!r}; add it."
                )
            if defaults[field] is not None:
                record[field] = defaults[field]
        elif fault := check(record[field]):
            found = repr(record[field])
            raise ValueError(
                f"{describe(folder, table, record)} {field} {fault}, but it is "
                f"{found if len(found) <= 60 else found[:57] + '...'}; correct it."
            )
    if table in _NAMING:
        safe_name(record["token"], f"{describe(folder, table, record)} token")
    return record


def get_field(folder: Path, table: str, record: Record, field: str) -> Any:
    """Check a field of a record, and return it.

    Args:
        folder: Folder of the tables, for errors.
        table: Name of the table, without suffix.
        record: The record.
        field: Name of the field.

    Raises:
        ValueError: If it is missing or has a wrong value.
    """
    fault = _FIELDS[table][field](record[field]) if field in record else ""
    if field not in record or fault:
        raise ValueError(
            f"{describe(folder, table, record)} "
            + (f"{field} {fault}, but it is {record[field]!r}" if fault else f"no field {field!r}")
            + "; correct it."
        )
    return record[field]


def index_tokens(folder: Path, tables: Mapping[str, list[Record]]) -> dict[str, dict[str, int]]:
    """Return the position of each token in its table.

    Raises:
        ValueError: If a token occurs twice in a table.
    """
    index: dict[str, dict[str, int]] = {}
    for table, records in tables.items():
        index[table] = {record["token"]: i for i, record in enumerate(records)}
        if len(index[table]) == len(records):
            continue
        seen = set()
        for record in records:
            if record["token"] in seen:
                raise ValueError(
                    f"{describe(folder, table, record)} another record has the same token; each "
                    "must have its own."
                )
            seen.add(record["token"])
    return index


def check_references(
    folder: Path, tables: Mapping[str, list[Record]], index: Mapping[str, Mapping[str, int]]
) -> None:
    """Check that all records exist which other records refer to by their tokens.

    Args:
        folder: Folder of the tables, for errors.
        tables: Records to check, by table.
        index: Place of each existing token, by table.

    Raises:
        ValueError: If one is missing, with the table and record that names it.
    """
    for table, references in _REFERENCES.items():
        for record in tables.get(table, []):
            for field, target in references.items():
                token = record[field]
                if token and token not in index.get(target, {}):
                    raise ValueError(
                        f"{describe(folder, table, record)} {field} is {token!r}, which is missing "
                        f"in {target}.json; the tables are incomplete."
                    )
