"""nuscenes-devkit on tables that are complete and checked."""

from pathlib import Path
from typing import Any

from nuscenes.nuscenes import NuScenes

from perception_kd.datasets.nuscenes.json_records import Record, has_table, read_records, read_table
from perception_kd.datasets.nuscenes.labels import box_class, full_category
from perception_kd.datasets.nuscenes.table_fields import (
    check_references,
    complete_record,
    index_tokens,
)

_EVALUATION_TABLES = (
    *("calibrated_sensor", "category", "ego_pose", "instance"),
    *("sample", "sample_annotation", "sample_data", "scene", "sensor"),
)


class CheckedTables(NuScenes):
    """The devkit on some tables, each record of which has been checked.

    All methods of :class:`nuscenes.NuScenes` work that need no other table and do not
    draw maps. Categories that are named as a class have the devkit's name, such as
    "vehicle.car" for "car".

    Args:
        root: Root of the data set.
        version: Version of the tables.
        tables: Records by table; defaults of missing fields are added in place.

    Raises:
        ValueError: If a field, or a record that another one names, is missing or wrong,
            or two records of a table have one token.
    """

    def __init__(self, root: str, version: str, tables: dict[str, list[Record]]) -> None:
        self.dataroot, self.version, self.verbose = root, version, False
        folder = Path(root) / version
        for name, records in tables.items():
            for record in records:
                complete_record(folder, name, record)
        # The same record may be opened with many scenes.
        tables["category"] = [
            record | {"name": full_category(record["name"])} for record in tables["category"]
        ]
        index = index_tokens(folder, tables)
        check_references(folder, tables, index)
        # The devkit looks up a map for each log, but only drawing reads it.
        logs = [record["token"] for record in tables.setdefault("log", [])]
        tables["map"] = [{"token": "", "log_tokens": logs}]
        self.table_names = list(tables)
        for name, records in tables.items():
            setattr(self, name, records)
        self.__make_reverse_index__(False)


def check_evaluation(root: str | Path, version: str) -> None:
    """Check that boxes can be scored, without reading whole tables.

    Args:
        root: Root of the data set.
        version: Version of the tables.

    Raises:
        FileNotFoundError: If a table is missing.
        ValueError: If there are no boxes, or no category has a class.
    """
    folder = Path(root) / version
    for name in _EVALUATION_TABLES:
        if not has_table(folder, name):
            raise FileNotFoundError(
                f"{folder / name}.json is missing, and scoring boxes needs it; unpack the "
                "metadata there, give another data root, or train without validation."
            )
    if next(read_records(folder / "sample_annotation.json"), None) is None:
        raise ValueError(
            f"{folder / 'sample_annotation.json'} has no annotation to score boxes; use "
            "format_only to write predictions, or train without validation."
        )
    names = [record.get("name") for record in read_table(folder / "category.json")]
    if not any(box_class(str(name)) for name in names):
        raise ValueError(
            f"{folder / 'category.json'} has no category with a class of boxes; name categories "
            "as nuScenes does or as a class."
        )


def open_for_evaluation(root: str | Path, version: str, lidar: str) -> Any:
    """Open the tables that the devkit's detection evaluation reads, without maps.

    Boxes without ``num_lidar_pts`` count as seen, no box has an attribute without the
    table of attributes, and the LiDAR has the devkit's name.

    Args:
        root: Root of the data set.
        version: Version of the tables.
        lidar: Channel of the LiDAR.

    Raises:
        FileNotFoundError: If a table is missing.
        ValueError: If a table is broken, or as for :class:`CheckedTables`.
    """
    folder = Path(root) / version
    optional = ["attribute"] if has_table(folder, "attribute") else []
    names = (*_EVALUATION_TABLES, *optional)
    tables = {name: read_table(folder / f"{name}.json") for name in names}
    for record in () if optional else tables["sample_annotation"]:
        record["attribute_tokens"] = []
    tables.setdefault("attribute", [])
    for record in tables["sample_annotation"]:
        record.setdefault("num_lidar_pts", 1)
    for record in tables["sensor"]:
        if record.get("channel") == lidar:
            record["channel"] = "LIDAR_TOP"
    return CheckedTables(str(root), version, tables)
