"""Checks of one nuScenes scene: its tables against its files."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.calibration_checks import find_intrinsics_fault, read_image_size
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.datasets.nuscenes.time_checks import check_times
from perception_kd.io.point_layout import find_layout_fault


class SceneChecks:
    """Checks of one scene, which read one sweep and one image header per camera.

    Args:
        nusc: The scene's tables.
        sensors: The sensors to convert.
        options: Layout of the points.

    Attributes:
        remarks: How often something was found that is no error.
    """

    def __init__(self, nusc: CheckedTables, sensors: Sensors, options: SceneOptions) -> None:
        self._nusc, self._sensors, self._options = nusc, sensors, options
        self._folder = Path(nusc.dataroot, nusc.version)
        self.remarks: Counter[str] = Counter()

    def check(self, keyframes: Sequence[Record], largest_label: int | None) -> None:
        """Check keyframes whose files exist.

        Sizes of images that the tables leave out are filled in.

        Args:
            keyframes: Samples, at least one.
            largest_label: Largest label of points; None if there are no point labels.

        Raises:
            ValueError: If something cannot be what it is read as.
        """
        self._check_keyframes()
        check_times(self._nusc, self._folder, self._sensors, keyframes)
        self._check_points(keyframes)
        if largest_label is not None:
            self._check_labels(keyframes, largest_label)
        for camera in self._sensors.cameras:
            frames = self._frames(keyframes, camera)
            if frames:
                self._check_camera(camera, frames)

    def _check_keyframes(self) -> None:
        seen = set()
        for frame in self._nusc.sample_data:
            key = frame["sample_token"], frame["channel"]
            if frame["is_key_frame"] and key in seen:
                raise ValueError(
                    f"{describe(self._folder, 'sample_data', frame)} another keyframe of "
                    f"{frame['channel']} has the sample_token {key[0]!r} too; correct is_key_frame "
                    "or sample_token."
                )
            if frame["is_key_frame"]:
                seen.add(key)

    def _frames(self, keyframes: Sequence[Record], channel: str) -> list[Record]:
        tokens = [x["data"][channel] for x in keyframes if channel in x["data"]]
        return [self._nusc.get("sample_data", token) for token in tokens]

    def _path(self, frame: Record) -> Path:
        return Path(self._nusc.dataroot, frame["filename"])

    def _check_points(self, keyframes: Sequence[Record]) -> None:
        options = self._options
        frames = self._frames(keyframes, self._sensors.lidar)
        path = self._path(frames[0])
        fault = find_layout_fault(
            path.read_bytes(), options.num_columns, options.dtype, options.column_names
        )
        if fault:
            raise ValueError(
                f"{path} {fault}. It was read as rows of {options.num_columns} {options.dtype}; "
                "give its layout with --num-pts-feats and --dtype, or write the file again."
            )
        row = options.num_columns * np.dtype(options.dtype).itemsize
        sizes = [os.path.getsize(self._path(frame)) for frame in frames]
        if broken := sum(size == 0 or size % row > 0 for size in sizes):
            self.remarks["keyframes whose sweep is empty or cut off"] = broken

    def _check_labels(self, keyframes: Sequence[Record], largest_label: int) -> None:
        lidars = {frame["token"]: frame for frame in self._frames(keyframes, self._sensors.lidar)}
        row = self._options.num_columns * np.dtype(self._options.dtype).itemsize
        for number, record in enumerate(self._nusc.lidarseg):
            frame = lidars.get(record["sample_data_token"])
            if frame is None:
                continue
            path, points = self._path(record), self._path(frame)
            num_labels, num_points = os.path.getsize(path), os.path.getsize(points) // row
            if num_labels != num_points:
                raise ValueError(
                    f"{path} has {num_labels} labels of one byte for the {num_points} points of "
                    f"{points}; unpack both again."
                )
            # One file per scene is read.
            highest = int(np.fromfile(path, np.uint8).max(initial=0)) if number == 0 else 0
            if highest > largest_label:
                raise ValueError(
                    f"{path} has label {highest}, but the largest index in "
                    f"{self._folder / 'category.json'} is {largest_label}; use the table of these "
                    "labels."
                )

    def _check_camera(self, camera: str, frames: Sequence[Record]) -> None:
        path = self._path(frames[0])
        size = read_image_size(path)
        self._fill_sizes(camera, size)
        found = (frames[0]["width"], frames[0]["height"])
        if found != size:
            raise ValueError(
                f"{describe(self._folder, 'sample_data', frames[0])} width x height is "
                f"{found[0]} x {found[1]} px, but {path} has {size[0]} x {size[1]} px; correct "
                "both, and camera_intrinsic, which is for one size."
            )
        for frame in {x["calibrated_sensor_token"]: x for x in frames}.values():
            self._check_intrinsics(frame)

    def _fill_sizes(self, camera: str, size: tuple[int, int]) -> None:
        """Give the frames of a camera a size if the tables have none."""
        for frame in self._nusc.sample_data:
            if frame["channel"] == camera and 0 in (frame["width"], frame["height"]):
                measured = zip(("width", "height"), size, strict=True)
                frame.update({side: frame[side] or pixels for side, pixels in measured})
                self.remarks[f"images of {camera} without a size in the tables, read from one"] += 1

    def _check_intrinsics(self, frame: Record) -> None:
        record = self._nusc.get("calibrated_sensor", frame["calibrated_sensor_token"])
        width, height = frame["width"], frame["height"]
        fault = find_intrinsics_fault(record["camera_intrinsic"], width, height)
        if fault:
            raise ValueError(
                f"{describe(self._folder, 'calibrated_sensor', record)} camera_intrinsic {fault}; "
                f"images of {frame['channel']} have {width} x {height} px."
            )
