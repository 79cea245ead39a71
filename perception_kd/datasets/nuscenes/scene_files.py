"""Files of one nuScenes scene that are missing, or have an impossible content."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.sweep_points import make_layout
from perception_kd.datasets.remarks import Remarks
from perception_kd.datasets.sweep_checks import find_odd_sizes, find_sweep_fault
from perception_kd.io.point_columns import RING_COLUMNS


class SceneFiles:
    """Files that a scene can use.

    Args:
        nusc: The scene's tables.
        sensors: The sensors to convert.
        options: Layout of the points.
        exists: Whether a path relative to the root is a file that is not empty.

    Attributes:
        missing: First missing file of a keyframe; empty if there is none.
        broken_sweeps: Why the files of sweeps cannot be read, by path.
        remarks: What is left out.
    """

    def __init__(
        self,
        nusc: CheckedTables,
        sensors: Sensors,
        options: SceneOptions,
        exists: Callable[[str], bool],
    ) -> None:
        self._nusc, self._sensors, self._options = nusc, sensors, options
        self._exists = exists
        self.missing = ""
        self.broken_sweeps: dict[str, str] = {}
        self.remarks = Remarks()

    def take_out_missing(self, keyframes: Sequence[Record]) -> list[Record]:
        """Return the keyframes whose sweep is on disk, with the images that are.

        Args:
            keyframes: Samples; images that are missing are taken out of their ``data``.
        """
        left = []
        for channel in self._sensors.channels:
            number = sum(channel in sample["data"] for sample in keyframes)
            self.remarks.add_total(self._describe(channel), number, self._remedy(channel))
        for sample in keyframes:
            if self._is_there(sample, self._sensors.lidar):
                left.append(sample)
            for camera in self._sensors.cameras:
                if camera in sample["data"] and not self._is_there(sample, camera):
                    del sample["data"][camera]
        return left

    def _is_there(self, sample: Record, channel: str) -> bool:
        path: str = self._nusc.get("sample_data", sample["data"][channel])["filename"]
        if self._exists(path):
            return True
        self.missing = self.missing or path
        self.remarks.add(self._describe(channel), path)
        return False

    def _describe(self, channel: str) -> str:
        if channel == self._sensors.lidar:
            return "keyframes left out, whose sweep is missing or empty"
        return f"keyframes without an image of {channel}, which is missing or empty"

    def _remedy(self, channel: str) -> str:
        if channel == self._sensors.lidar:
            return "unpack them"
        return "unpack them, or leave the camera out with --cameras or --no-cameras"

    @property
    def _root(self) -> Path:
        return Path(self._nusc.dataroot)

    def take_out_broken(self, keyframes: Sequence[Record]) -> list[Record]:
        """Return the keyframes whose sweep can be read; all, if most cannot.

        If most cannot, the layout is wrong, rather than single files broken.
        """
        options = self._options
        layout = make_layout(options)
        ring = RING_COLUMNS.index("ring") if "ring" in options.column_names else None
        sizes = {}
        for frame in self._nusc.sample_data:
            path = frame["filename"]
            is_used = frame["is_key_frame"] or options.max_sweeps > 0
            if frame["channel"] != self._sensors.lidar or not is_used or not self._exists(path):
                continue
            if fault := find_sweep_fault(self._root / path, layout, ring):
                self.broken_sweeps[path] = fault
            else:
                sizes[path] = os.path.getsize(self._root / path)
        left = [sample for sample in keyframes if self._path(sample) not in self.broken_sweeps]
        if 2 * len(left) < len(keyframes):
            return list(keyframes)
        what = "sweeps left out, which cannot be read"
        self.remarks.add_total(what, len(self.broken_sweeps) + len(sizes))
        for path, fault in self.broken_sweeps.items():
            self.remarks.add(what, f"{path}: it {fault}")
        for path in find_odd_sizes(sizes):
            what = "sweeps whose size differs from the others in their scene"
            self.remarks.add(what, f"{path} with {sizes[path]} bytes")
        return left

    def _path(self, sample: Record) -> str:
        token = sample["data"][self._sensors.lidar]
        path: str = self._nusc.get("sample_data", token)["filename"]
        return path
