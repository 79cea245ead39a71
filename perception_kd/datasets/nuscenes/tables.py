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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from nuscenes.nuscenes import NuScenes
from tqdm import tqdm

Record = dict[str, Any]

LIDAR = "LIDAR_TOP"
# In the order of mmdet3d's converter.
CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)

_SHARED = ("attribute", "category", "log", "map", "scene", "sensor", "visibility")
_PARTITIONED = (
    "calibrated_sensor",
    "ego_pose",
    "instance",
    "sample",
    "sample_annotation",
    "sample_data",
)
_CHUNK_CHARS = 1 << 20
_MAX_RECORD_CHARS = 1 << 22
_SPOOL_CHARS = 1 << 25


class SceneTables(NuScenes):
    """The devkit on the tables of one scene.

    All methods of :class:`nuscenes.NuScenes` work that stay within the scene and do not
    draw maps; radar is omitted.

    Args:
        root: Root of the data set.
        version: Version of the tables.
        tables: Records by table.
    """

    def __init__(self, root: str, version: str, tables: dict[str, list[Record]]) -> None:
        self.dataroot, self.version, self.verbose = root, version, False
        self.table_names = list(tables)
        for name, records in tables.items():
            setattr(self, name, records)
        self.__make_reverse_index__(False)


class ScenePartition:
    """Tables of a version, partitioned by scene.

    Args:
        root: Root of the data set.
        version: v1.0-mini, v1.0-trainval or v1.0-test.
        folder: Empty folder for the records by scene, about as large as the tables.
        progress: Show a progress bar.

    Attributes:
        scenes: Records of the scene table, in its order.
        categories: Names of the categories.

    Raises:
        FileNotFoundError: If the folder or a table is missing.
        ValueError: If a table is not a JSON list of records.
    """

    def __init__(self, root: Path, version: str, folder: Path, progress: bool = True) -> None:
        check_tables(root, version)
        self._root, self._version, self._folder = root, version, folder
        tables = root / version
        self._shared = {name: _read_table(tables / f"{name}.json") for name in _SHARED}
        self.scenes: list[Record] = self._shared["scene"]
        self.categories = [record["name"] for record in self._shared["category"]]
        with _Partitioner(tables, folder, progress) as partitioner:
            self._has_lidarseg = _partition_all(partitioner, self._shared["sensor"])

    def open_scene(self, scene: Record) -> SceneTables:
        """Open one scene's tables with the devkit."""
        names = [*_PARTITIONED, *(["lidarseg"] if self._has_lidarseg else [])]
        folder = self._folder / scene["token"]
        records = {name: _read_part(folder / name) for name in names}
        return SceneTables(str(self._root), self._version, self._shared | records)


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
    tables = root / version
    if not tables.is_dir():
        found = sorted(path.parent.name for path in root.glob("*/scene.json"))
        hint = f"give --version {found[0]}" if found else "give another --root"
        raise FileNotFoundError(
            f"--root must hold the tables of --version {version}, but there is no {tables}; {hint}."
        )
    missing = [
        name for name in (*_SHARED, *_PARTITIONED) if not (tables / f"{name}.json").is_file()
    ]
    if missing:
        raise FileNotFoundError(
            f"{tables} must hold all tables of nuScenes, but {missing[0]}.json is missing; "
            f"unpack the meta data of {version} again."
        )


def _partition_all(partitioner: "_Partitioner", sensors: list[Record]) -> bool:
    """Partition all tables; return whether there are point labels."""
    scene_of_sample = partitioner.split("sample", lambda record: [record["scene_token"]])

    channels = {record["token"]: record["channel"] for record in sensors}
    calibrations = partitioner.load("calibrated_sensor")
    kept = {
        record["token"]
        for record in calibrations
        if channels[record["sensor_token"]] in (LIDAR, *CAMERAS)
    }
    scenes_of_calibration = defaultdict(set)
    scene_of_pose: dict[str, str] = {}
    scene_of_keyframe: dict[str, str] = {}

    def scene_of_frame(record: Record) -> list[str]:
        if record["calibrated_sensor_token"] not in kept:
            return []
        scene = scene_of_sample[record["sample_token"]]
        scenes_of_calibration[record["calibrated_sensor_token"]].add(scene)
        scene_of_pose[record["ego_pose_token"]] = scene
        if record["is_key_frame"]:
            scene_of_keyframe[record["token"]] = scene
        return [scene]

    partitioner.split("sample_data", scene_of_frame)
    partitioner.split("ego_pose", lambda record: _one(scene_of_pose, record["token"]))
    scene_of_pose.clear()
    partitioner.split("calibrated_sensor", lambda record: scenes_of_calibration[record["token"]])

    scene_of_instance: dict[str, str] = {}

    def scene_of_annotation(record: Record) -> list[str]:
        scene = scene_of_sample[record["sample_token"]]
        scene_of_instance[record["instance_token"]] = scene
        return [scene]

    partitioner.split("sample_annotation", scene_of_annotation)
    partitioner.split("instance", lambda record: _one(scene_of_instance, record["token"]))
    if not partitioner.has("lidarseg"):
        return False
    partitioner.split(
        "lidarseg", lambda record: _one(scene_of_keyframe, record["sample_data_token"])
    )
    return True


def _one(scenes: dict[str, str], token: str) -> list[str]:
    return [scenes[token]] if token in scenes else []


class _Partitioner:
    """Append the records of tables to one file per scene and table."""

    def __init__(self, tables: Path, folder: Path, progress: bool) -> None:
        self._tables, self._folder = tables, folder
        self._pending: dict[str, list[str]] = defaultdict(list)  # by scene
        self._pending_chars = 0
        names = [*_PARTITIONED, *(["lidarseg"] if self.has("lidarseg") else [])]
        size = sum((tables / f"{name}.json").stat().st_size for name in names)
        self._bar = tqdm(desc="tables", total=size, unit="B", unit_scale=True, disable=not progress)

    def __enter__(self) -> "_Partitioner":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def has(self, name: str) -> bool:
        """Return whether a table exists."""
        return (self._tables / f"{name}.json").is_file()

    def load(self, name: str) -> list[Record]:
        """Return a whole table."""
        return _read_table(self._tables / f"{name}.json")

    def split(self, name: str, scenes_of: Callable[[Record], Iterable[str]]) -> dict[str, str]:
        """Partition a table by scene.

        Args:
            name: Name of the table.
            scenes_of: Returns the tokens of the scenes of a record.

        Returns:
            Scene of each sample for the sample table; empty for other tables.
        """
        scene_of_record = {}
        for record, text in _records(self._tables / f"{name}.json", self._bar.update):
            scenes = list(scenes_of(record))
            if name == "sample":
                scene_of_record[record["token"]] = scenes[0]
            for scene in scenes:
                self._pending[scene].append(text)
                self._pending_chars += len(text)
            if self._pending_chars > _SPOOL_CHARS:
                self._flush(name)
        self._flush(name)
        return scene_of_record

    def _flush(self, name: str) -> None:
        for scene, texts in self._pending.items():
            (self._folder / scene).mkdir(exist_ok=True)
            with (self._folder / scene / name).open("a", encoding="utf-8") as file:
                file.writelines(text + "\n" for text in texts)
        self._pending.clear()
        self._pending_chars = 0


def _read_part(path: Path) -> list[Record]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _read_table(path: Path) -> list[Record]:
    return [record for record, _ in _records(path)]


def _records(
    path: Path, advance: Callable[[int], Any] = lambda size: None
) -> Iterator[tuple[Record, str]]:
    """Yield the records of a table and their text without holding the whole table.

    Args:
        path: JSON list of objects.
        advance: Called with the number of characters after each read.

    Raises:
        ValueError: If it is not a list, or ends too early.
    """
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text, position = file.read(_CHUNK_CHARS).lstrip(), 1
        advance(len(text))
        if not text.startswith("["):
            raise ValueError(f"{path} must be a JSON list, but it starts with {text[:10]!r}.")
        while True:
            while text[position : position + 1] in (" ", "\n", "\r", "\t", ","):
                position += 1
            if text[position : position + 1] == "]":
                return
            try:
                record, end = decoder.raw_decode(text, position)
            except json.JSONDecodeError as error:
                text, position = text[position:], 0
                more = file.read(_CHUNK_CHARS)
                # Without a limit, a fault in the middle would read the rest of it.
                if not more or len(text) > _MAX_RECORD_CHARS:
                    raise ValueError(
                        f"{path} is broken or truncated ({error}); unpack it again."
                    ) from error
                text += more
                advance(len(more))
            else:
                # Line breaks can only stand between the parts of a record.
                yield record, text[position:end].replace("\n", " ")
                position = end
