"""nuScenes' tables, one scene at a time.

nuscenes-devkit holds all tables in memory, in every worker. For v1.0-trainval that is
about 8 GB per process: measured with Python 3.11 and the devkit's index on 100 000
generated records of each of the three large tables, 1.4 kB per ``sample_data``, 0.8 kB
per ``ego_pose`` and 1.8 kB per ``sample_annotation``, of which there are 2.6, 2.6 and
1.2 million.

Here the tables are streamed once and partitioned into one folder per scene. This takes
about 0.4 GB, once, for the scene of each pose (0.13 kB for each of 2.6 million tokens);
a worker then opens one of 850 scenes at a time, which takes about 10 MB.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record, has_table, read_table
from perception_kd.datasets.nuscenes.record_sorter import SORTED_TABLES, RecordSorter
from perception_kd.datasets.nuscenes.sensors import Sensors, choose_sensors
from perception_kd.datasets.nuscenes.table_fields import complete_record, describe
from perception_kd.io.names import safe_name

_NEEDED = ("calibrated_sensor", "ego_pose", "sample", "sample_data", "scene", "sensor")
_OF_BOXES = ("category", "instance", "sample_annotation")
_SHARED = ("attribute", "category", "log", "sensor")


class ScenePartition:
    """Tables of a version, partitioned by scene.

    Tables that nothing needs may be missing: without ``sample_annotation`` there are no
    boxes, without ``lidarseg`` no point labels, without ``log`` no locations.

    Args:
        root: Root of the data set.
        version: Name of the folder of the tables.
        folder: Empty folder for the records by scene, about as large as the tables.
        lidar: As in :func:`~.sensors.choose_sensors`.
        cameras: As in :func:`~.sensors.choose_sensors`.
        progress: Show a progress bar.

    Attributes:
        scenes: Records of the scene table, in its order.
        categories: Records of the category table.
        sensors: The sensors to convert.
        has_labels: Whether there is a table of point labels.
        unmatched_labels: Tokens in it that are of no keyframe of the LiDAR.

    Raises:
        FileNotFoundError: If the folder or a table is missing.
        ValueError: If a table is broken.
    """

    def __init__(
        self,
        root: Path,
        version: str,
        folder: Path,
        *,
        lidar: str | None = None,
        cameras: Sequence[str] | None = None,
        progress: bool = True,
    ) -> None:
        check_tables(root, version)
        self._root, self._version, self._folder = root, version, folder
        tables = root / version
        self._shared = {
            name: read_table(tables / f"{name}.json") if has_table(tables, name) else []
            for name in _SHARED
        }
        self.scenes = _read_scenes(tables)
        self.categories: list[Record] = self._shared["category"]
        self.sensors: Sensors = choose_sensors(tables, self._shared["sensor"], lidar, cameras)
        self.has_labels = has_table(tables, "lidarseg")
        channels = {record["token"]: record["channel"] for record in self._shared["sensor"]}
        tokens = [scene["token"] for scene in self.scenes]
        with RecordSorter(tables, folder, progress) as sorter:
            sorter.sort_all(tokens, channels, self.sensors)
        self.unmatched_labels: list[str] = sorter.unmatched_labels

    def open_scene(self, scene: Record) -> CheckedTables:
        """Open one scene's tables with the devkit.

        Raises:
            ValueError: As for :class:`~.devkit.CheckedTables`.
        """
        folder = self._folder / scene["token"]
        records = {name: _read_part(folder / name) for name in SORTED_TABLES}
        shared = {name: [dict(x) for x in table] for name, table in self._shared.items()}
        shared["log"] = [x for x in shared["log"] if x.get("token") == scene["log_token"]]
        return CheckedTables(
            str(self._root), self._version, {**shared, **records, "scene": [dict(scene)]}
        )


def check_tables(root: Path, version: str) -> None:
    """Check that the tables of a version exist.

    Raises:
        FileNotFoundError: If one is missing.
    """
    if not root.is_dir():
        raise FileNotFoundError(
            f"--root must be the folder of nuScenes, but {root} is not a folder; give another "
            "--root."
        )
    safe_name(version, "--version")
    tables = root / version
    if not tables.is_dir():
        found = sorted(path.parent.name for path in root.glob("*/scene.json"))
        hint = f"give --version {found[0]}" if found else "give another --root"
        raise FileNotFoundError(
            f"--root must hold the tables of --version {version}, but there is no {tables}; {hint}."
        )
    needed = [*_NEEDED, *(_OF_BOXES if has_table(tables, "sample_annotation") else ())]
    needed += ["category"] * has_table(tables, "lidarseg")
    missing = [name for name in needed if not has_table(tables, name)]
    if missing:
        raise FileNotFoundError(
            f"{tables} must hold all tables that are read, but {missing[0]}.json is missing; "
            f"unpack the metadata of {version} again."
        )


def _read_scenes(tables: Path) -> list[Record]:
    """Return the records of the scenes, whose tokens name folders."""
    scenes = [complete_record(tables, "scene", x) for x in read_table(tables / "scene.json")]
    for field in ("token", "name"):
        seen = set()
        for scene in scenes:
            if scene[field] in seen:
                raise ValueError(
                    f"{describe(tables, 'scene', scene)} another scene has the same "
                    f"{field} {scene[field]!r}; make it unique."
                )
            seen.add(scene[field])
    return scenes


def _read_part(path: Path) -> list[Record]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
