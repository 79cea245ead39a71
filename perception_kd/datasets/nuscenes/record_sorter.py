"""Sorting of the records of nuScenes' tables by scene."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from perception_kd.datasets.nuscenes.json_records import (
    Record,
    has_table,
    read_records,
    read_table,
)
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe, get_field

SORTED_TABLES = (
    *("calibrated_sensor", "ego_pose", "instance", "lidarseg"),
    *("sample", "sample_annotation", "sample_data"),
)
_SPOOL_CHARS = 1 << 25


class RecordSorter:
    """Append the records of tables to one file per scene and table.

    Args:
        tables: Folder of the tables.
        folder: Empty folder for one folder per scene, named after its token.
        progress: Show a progress bar.

    Attributes:
        unmatched_labels: Tokens in the table of point labels that are of no keyframe of
            the LiDAR.
    """

    def __init__(self, tables: Path, folder: Path, progress: bool) -> None:
        self._tables, self._folder = tables, folder
        self._pending: dict[str, list[str]] = defaultdict(list)  # by scene
        self._pending_chars = 0
        self._scene_of_sample: dict[str, str] = {}
        self.unmatched_labels: list[str] = []
        names = [name for name in SORTED_TABLES if has_table(tables, name)]
        size = sum((tables / f"{name}.json").stat().st_size for name in names)
        self._bar = tqdm(desc="tables", total=size, unit="B", unit_scale=True, disable=not progress)

    def __enter__(self) -> "RecordSorter":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def sort_all(
        self, scenes: Sequence[str], channels: Mapping[str, str], sensors: Sensors
    ) -> None:
        """Sort all tables.

        Args:
            scenes: Tokens of the scenes.
            channels: Channel of each sensor by token.
            sensors: The sensors to keep.

        Raises:
            FileNotFoundError: If a table is missing.
            ValueError: If a table is broken, or a record names one that does not exist.
        """
        self._sort_samples(set(scenes))
        keyframes = self._sort_frames(channels, sensors)
        if has_table(self._tables, "sample_annotation"):
            self._sort_annotations()
        if has_table(self._tables, "lidarseg"):
            self._sort_labels(keyframes)

    def _sort_samples(self, scenes: set[str]) -> None:
        def find_scene(record: Record) -> Iterable[str]:
            scene = self._find("sample", record, "scene_token")
            if scene not in scenes:
                raise self._missing("sample", record, "scene_token", "scene")
            token = self._find("sample", record, "token")
            if self._scene_of_sample.setdefault(token, scene) != scene:
                raise ValueError(
                    f"{describe(self._tables, 'sample', record)} a sample of another scene has "
                    "the same token; make it unique."
                )
            return (scene,)

        self._split("sample", find_scene)

    def _sort_frames(self, channels: Mapping[str, str], sensors: Sensors) -> dict[str, str]:
        """Sort what belongs to frames; return the scene of each LiDAR keyframe."""
        channel_of = self._read_calibrations(channels)
        calibrations, poses, keyframes = _Scenes(), _Scenes(), {}

        def find_scene(record: Record) -> Iterable[str]:
            calibration = self._find("sample_data", record, "calibrated_sensor_token")
            if calibration not in channel_of:
                raise self._missing(
                    "sample_data", record, "calibrated_sensor_token", "calibrated_sensor"
                )
            if channel_of[calibration] not in sensors.channels:
                return ()
            scene = self._find_scene("sample_data", record)
            calibrations.add(calibration, scene)
            poses.add(self._find("sample_data", record, "ego_pose_token"), scene)
            is_key_frame = self._find("sample_data", record, "is_key_frame")
            if is_key_frame and channel_of[calibration] == sensors.lidar:
                keyframes[self._find("sample_data", record, "token")] = scene
            return (scene,)

        self._split("sample_data", find_scene)
        self._split("ego_pose", lambda x: poses.get(self._find("ego_pose", x, "token")))
        self._split("calibrated_sensor", lambda x: calibrations.get(x["token"]))
        return keyframes

    def _read_calibrations(self, channels: Mapping[str, str]) -> dict[str, str]:
        """Return the channel of each calibration."""
        channel_of = {}
        for record in read_table(self._tables / "calibrated_sensor.json"):
            sensor = self._find("calibrated_sensor", record, "sensor_token")
            if sensor not in channels:
                raise self._missing("calibrated_sensor", record, "sensor_token", "sensor")
            channel_of[self._find("calibrated_sensor", record, "token")] = channels[sensor]
        return channel_of

    def _sort_annotations(self) -> None:
        instances = _Scenes()

        def find_scene(record: Record) -> Iterable[str]:
            scene = self._find_scene("sample_annotation", record)
            instances.add(self._find("sample_annotation", record, "instance_token"), scene)
            return (scene,)

        self._split("sample_annotation", find_scene)
        self._split("instance", lambda x: instances.get(self._find("instance", x, "token")))

    def _sort_labels(self, keyframes: Mapping[str, str]) -> None:
        def find_scene(record: Record) -> Iterable[str]:
            token = self._find("lidarseg", record, "sample_data_token")
            if token in keyframes:
                return (keyframes[token],)
            self.unmatched_labels.append(token)
            return ()

        self._split("lidarseg", find_scene)

    def _find_scene(self, name: str, record: Record) -> str:
        sample = self._find(name, record, "sample_token")
        if sample not in self._scene_of_sample:
            raise self._missing(name, record, "sample_token", "sample")
        return self._scene_of_sample[sample]

    def _find(self, name: str, record: Record, field: str) -> str:
        value: str = get_field(self._tables, name, record, field)
        return value

    def _missing(self, name: str, record: Record, field: str, target: str) -> ValueError:
        return ValueError(
            f"{describe(self._tables, name, record)} {field} is {record[field]!r}, which is "
            f"missing in {target}.json; the tables are incomplete."
        )

    def _split(self, name: str, find_scenes: Callable[[Record], Iterable[str]]) -> None:
        for record, text in read_records(self._tables / f"{name}.json", self._bar.update):
            for scene in find_scenes(record):
                self._pending[scene].append(text)
                self._pending_chars += len(text)
            if self._pending_chars > _SPOOL_CHARS:
                self._flush(name)
        self._flush(name)

    def _flush(self, name: str) -> None:
        for scene, texts in self._pending.items():
            (self._folder / scene).mkdir(exist_ok=True)
            with (self._folder / scene / name).open("a", encoding="utf-8") as file:
                file.writelines(text + "\n" for text in texts)
        self._pending.clear()
        self._pending_chars = 0


class _Scenes:
    """Scenes of tokens: nearly always one, which takes less memory than a set."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._others: dict[str, set[str]] = defaultdict(set)

    def add(self, token: str, scene: str) -> None:
        if self._first.setdefault(token, scene) != scene:
            self._others[token].add(scene)

    def get(self, token: str) -> Iterable[str]:
        if token not in self._first:
            return ()
        return (self._first[token], *sorted(self._others.get(token, ())))
