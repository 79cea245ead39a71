"""Entries of an info file for one nuScenes scene."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from perception_kd.datasets.box_checks import Fit
from perception_kd.datasets.nuscenes.boxes import SceneBoxes
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.frames import SceneFrames
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.scene_checks import SceneChecks
from perception_kd.datasets.nuscenes.scene_files import SceneFiles
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.remarks import Remarks
from perception_kd.structures import InfoEntry


@dataclass
class ScenePart:
    """Part of an info file for one scene.

    Attributes:
        samples: Entries ordered by time, without ``sample_idx``.
        fault: Why the scene cannot be used; ``samples`` is then empty.
        missing_file: First missing file of a keyframe.
        num_missing_sweeps: Number of sweeps omitted because their file is missing.
        num_boxes: Number of boxes by category.
        remarks: What was found that is not an error.
        fits: How well points fill boxes, by category.
    """

    samples: list[InfoEntry] = field(default_factory=list)
    fault: str = ""
    missing_file: str = ""
    num_missing_sweeps: int = 0
    num_boxes: Counter[str] = field(default_factory=Counter)
    remarks: Remarks = field(default_factory=Remarks)
    fits: dict[str, Fit] = field(default_factory=dict)


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
    missing_file = converter.take_out_missing()
    if converter.fault:
        return ScenePart(fault=converter.fault, missing_file=missing_file)
    checks = SceneChecks(nusc, sensors, options)
    checks.check(converter.keyframes, largest_label)
    samples = [converter.convert(sample) for sample in converter.keyframes]
    converter.remarks.merge(checks.remarks)
    what = "earlier sweeps and images left out, which are missing or empty"
    converter.remarks.add_total(what, len(converter.frames.earlier))
    for path in sorted(converter.frames.missing_sweeps):
        converter.remarks.add(what, path)
    return ScenePart(
        samples,
        missing_file=missing_file,
        num_missing_sweeps=len(converter.frames.missing_sweeps),
        num_boxes=converter.boxes.num_by_category,
        remarks=converter.remarks,
        fits=converter.boxes.fits,
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
        self.remarks = Remarks()
        self.fault = ""
        self._files = SceneFiles(nusc, sensors, options, self.frames.exists)
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
        kept = {sample["token"] for sample in good}
        lacking = [sample["token"] for sample in every if sample["token"] not in kept]
        self.remarks.add_total(what, len(every))
        for token in lacking:
            self.remarks.add(what, f"sample {token}")

    def take_out_missing(self) -> str:
        """Remove keyframes with missing or broken files; return the first such file.

        If nothing is left of the scene, ``fault`` says why.
        """
        files = self._files
        had_images = any(len(sample["data"]) > 1 for sample in self.keyframes)
        self.keyframes = files.take_out_missing(self.keyframes)
        has_images = any(len(sample["data"]) > 1 for sample in self.keyframes)
        if not self.keyframes or (had_images and not has_images):
            is_folder = Path(self.frames.root, files.missing).is_dir()
            self.fault = f"{files.missing} is {'a folder' if is_folder else 'missing or empty'}"
            return files.missing
        self.keyframes = files.take_out_broken(self.keyframes)
        self.frames.left_out = set(files.broken_sweeps)
        self.remarks.merge(files.remarks)
        return files.missing or self._take_out_labels()

    def _take_out_labels(self) -> str:
        """Take out labels of points that are not on disk; return the first."""
        missing = [x for x in self._labels.values() if not self.frames.exists(x)]
        what = "keyframes without point labels, whose file is missing or empty"
        self.remarks.add_total(what, len(self._labels))
        for path in missing:
            self.remarks.add(what, path)
        self._labels = {x: path for x, path in self._labels.items() if path not in {*missing}}
        return missing[0] if missing else ""

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
