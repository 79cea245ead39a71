"""Entries of an info file for one nuScenes scene."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from perception_kd.datasets.nuscenes.boxes import SceneBoxes
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.frames import SceneFrames
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.scene_checks import SceneChecks
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.structures import InfoEntry


@dataclass
class ScenePart:
    """Part of an info file for one scene.

    Attributes:
        samples: Entries ordered by time, without ``sample_idx``.
        fault: Why the scene cannot be used; ``samples`` is then empty.
        missing_file: First missing file of a keyframe, if that is the fault.
        num_missing_sweeps: Number of sweeps omitted because their file is missing.
        num_boxes: Number of boxes by category.
        remarks: How often something was found that is no error.
    """

    samples: list[InfoEntry] = field(default_factory=list)
    fault: str = ""
    missing_file: str = ""
    num_missing_sweeps: int = 0
    num_boxes: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)


def convert_scene(
    nusc: CheckedTables,
    scene: Record,
    sensors: Sensors,
    options: SceneOptions,
    largest_label: int | None = None,
) -> ScenePart:
    """Convert the keyframes of a scene.

    Args:
        nusc: The scene's tables.
        scene: Its record.
        sensors: The sensors to convert.
        options: Content of the entries.
        largest_label: Largest label of points; None if there are no point labels.

    Raises:
        ValueError: If a file or a number in the tables cannot be what it is read as.
    """
    converter = _SceneConverter(nusc, scene, sensors, options, largest_label is not None)
    if not converter.keyframes:
        return ScenePart(fault=f"it has no keyframe of {sensors.lidar}")
    missing_file = converter.find_missing_file()
    if missing_file:
        is_folder = Path(nusc.dataroot, missing_file).is_dir()
        fault = f"{missing_file} is {'a folder' if is_folder else 'missing'}"
        return ScenePart(fault=fault, missing_file=missing_file)
    checks = SceneChecks(nusc, sensors, options)
    checks.check(converter.keyframes, largest_label)
    samples = [converter.convert(sample) for sample in converter.keyframes]
    return ScenePart(
        samples,
        num_missing_sweeps=len(converter.frames.missing_sweeps),
        num_boxes=converter.boxes.num_by_category,
        remarks=converter.remarks + checks.remarks,
    )


class _SceneConverter:
    """Convert the devkit's records of one scene to plain dicts."""

    def __init__(
        self,
        nusc: CheckedTables,
        scene: Record,
        sensors: Sensors,
        options: SceneOptions,
        with_labels: bool,
    ) -> None:
        self._scene, self._sensors, self._options = scene, sensors, options
        self.frames = SceneFrames(nusc, sensors, options)
        self.boxes = SceneBoxes(nusc, self.frames, options)
        self.remarks: Counter[str] = Counter()
        self._location = nusc.log[0].get("location") if nusc.log else None
        self._has_boxes = options.boxes and bool(nusc.sample_annotation)
        labels = nusc.lidarseg if with_labels else []
        self._labels = {record["sample_data_token"]: record["filename"] for record in labels}
        samples = sorted(nusc.sample, key=lambda sample: sample["timestamp"])
        self.keyframes = [sample for sample in samples if sensors.lidar in sample["data"]]
        self._count(f"samples without a keyframe of {sensors.lidar}", samples, self.keyframes)
        if with_labels:
            labeled = [x for x in self.keyframes if x["data"][sensors.lidar] in self._labels]
            self._count("keyframes without point labels", self.keyframes, labeled)
        for camera in sensors.cameras:
            seen = [sample for sample in self.keyframes if camera in sample["data"]]
            self._count(f"keyframes without an image of {camera}", self.keyframes, seen)

    def _count(self, what: str, every: list[Record], good: list[Record]) -> None:
        if len(good) < len(every):
            self.remarks[what] = len(every) - len(good)

    def find_missing_file(self) -> str:
        """Return the first missing file of a keyframe, or an empty string."""
        for sample in self.keyframes:
            paths = [self.frames.get(token)["filename"] for token in sample["data"].values()]
            labels = self._labels.get(sample["data"][self._sensors.lidar])
            for path in [*paths, *([] if labels is None else [labels])]:
                if not self.frames.exists(path):
                    return path
        return ""

    def convert(self, sample: Record) -> InfoEntry:
        """Return the entry of a keyframe."""
        frames, data = self.frames, sample["data"]
        lidar = frames.get(data[self._sensors.lidar])
        cameras = [camera for camera in self._sensors.cameras if camera in data]
        points = frames.key_points(lidar)
        info: InfoEntry = {
            "token": sample["token"],
            "scene_token": self._scene["token"],
            "scene_name": self._scene["name"],
            "location": self._location,
            "timestamp": sample["timestamp"] / 1e6,
            "ego2global": frames.ego2global(lidar).astype("float32").tolist(),
            "lidar_points": points,
            "images": {x: frames.key_image(lidar, x, frames.get(data[x])) for x in cameras},
            "instances": self.boxes.instances(sample, lidar) if self._has_boxes else [],
        }
        # As in mmdet3d's files, the key is absent without any.
        if sweeps := frames.lidar_sweeps(lidar):
            info["lidar_sweeps"] = sweeps
        camera_sweeps = {x: frames.camera_sweeps(lidar, frames.get(data[x])) for x in cameras}
        if any(camera_sweeps.values()):
            info["camera_sweeps"] = camera_sweeps
        if lidar["token"] in self._labels:
            path = self._labels[lidar["token"]]
            info["pts_semantic_mask_path"] = frames.under("pts_semantic_mask", path)
        if self._options.camera_boxes and self._has_boxes:
            info["cam_instances"] = {x: self.boxes.camera_boxes(data[x]) for x in cameras}
        return info
