"""Checks of one nuScenes scene: its tables against its files."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyquaternion import Quaternion

from perception_kd.datasets.calibration_checks import (
    find_intrinsics_doubt,
    find_intrinsics_fault,
    read_image_head,
    read_image_size,
)
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.record_checks import RecordChecks
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.sweep_points import make_layout, read_positions
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.datasets.nuscenes.time_checks import check_speed, check_times
from perception_kd.datasets.remarks import Remarks
from perception_kd.datasets.sweep_checks import find_position_fault, find_turned_mount
from perception_kd.geometry.rigid import make_rigid
from perception_kd.io.column_roles import find_upright_fault
from perception_kd.io.point_files.readers import count_stored_points, is_raw
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.structures import Array

_MANY = 100  # points of a keyframe
_EACH = 8  # points of a sweep: one of them is checked for its unit


class SceneChecks:
    """Checks of one scene, which read one sweep and one image header per camera.

    Args:
        nusc: The scene's tables.
        sensors: The sensors to convert.
        options: Layout of the points.

    Attributes:
        remarks: What was found that is not an error.
    """

    def __init__(self, nusc: CheckedTables, sensors: Sensors, options: SceneOptions) -> None:
        self._nusc, self._sensors, self._options = nusc, sensors, options
        self._folder = Path(nusc.dataroot, nusc.version)
        self.remarks = Remarks()

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
        records = RecordChecks(self._nusc, self._sensors)
        records.check_mounts()
        check_speed(self._nusc, self._folder, self._sensors.lidar)
        records.check_poses()
        if self._options.boxes:
            records.check_boxes(keyframes)
        self.remarks.merge(records.remarks)
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
        fault = ""
        if is_raw(path):
            fault = find_layout_fault(
                path.read_bytes(), options.num_columns, options.dtype, options.column_names
            )
        if fault:
            raise ValueError(
                f"{path} {fault}. It was read as rows of {options.num_columns} {options.dtype}; "
                "give its layout with --num-pts-feats and --dtype, or write the file again."
            )
        every = read_positions(path, options)
        positions = every[::_EACH].astype(float)
        if fault := find_position_fault(positions) or find_upright_fault(every):
            raise ValueError(f"{path} {fault}; write the sweeps again, in m, with z up.")
        self._check_ground(frames[0], positions)

    def _check_ground(self, frame: Record, positions: Array) -> None:
        record = self._nusc.get("calibrated_sensor", frame["calibrated_sensor_token"])
        lidar2ego = make_rigid(
            Quaternion(record["rotation"]).rotation_matrix, record["translation"]
        )
        if doubt := find_turned_mount(positions, lidar2ego):
            where = describe(self._folder, "calibrated_sensor", record)
            what = f"calibrations of {frame['channel']} that look wrong"
            self.remarks.add(what, f"{where} it {doubt}")

    def _check_labels(self, keyframes: Sequence[Record], largest_label: int) -> None:
        lidars = {frame["token"]: frame for frame in self._frames(keyframes, self._sensors.lidar)}
        layout = make_layout(self._options)
        num_single, first_single = 0, ""
        for record in self._nusc.lidarseg:
            frame = lidars.get(record["sample_data_token"])
            if frame is None or not self._path(record).is_file():
                continue
            path, points = self._path(record), self._path(frame)
            num_labels, num_points = os.path.getsize(path), count_stored_points(points, layout)
            if num_labels != num_points:
                raise ValueError(
                    f"{path} has {num_labels} labels of one byte for the {num_points} points of "
                    f"{points}; unpack both again."
                )
            labels = np.fromfile(path, np.uint8)
            highest = int(labels.max(initial=0))
            if len(labels) > _MANY and highest == labels.min():
                num_single, first_single = num_single + 1, first_single or str(path)
            if highest > largest_label:
                raise ValueError(
                    f"{path} has label {highest}, but the largest index in "
                    f"{self._folder / 'category.json'} is {largest_label}; use the table of these "
                    "labels."
                )
        if num_single:
            what = "keyframes whose points all have one label, as if nobody had labeled them"
            self.remarks.add(what, first_single, num_single)

    def _check_camera(self, camera: str, frames: Sequence[Record]) -> None:
        views = (x for x in self._nusc.sample_data if x["channel"] == camera)
        if any(0 in (view["width"], view["height"]) for view in views):
            self._fill_sizes(camera, read_image_size(self._path(frames[0])))
        self._check_image(frames[0])
        if len(frames) > 1:
            self._check_image(frames[-1])
        for frame in {x["calibrated_sensor_token"]: x for x in frames}.values():
            self._check_intrinsics(frame)

    def _check_image(self, frame: Record) -> None:
        path, found = self._path(frame), (frame["width"], frame["height"])
        size, orientation = read_image_head(path)
        if orientation != 1:
            what = (
                f"images of {frame['channel']} with an EXIF orientation, which is ignored: pixels "
                "are used as stored"
            )
            self.remarks.add(what, f"{path} (orientation {orientation})")
        if found == size:
            return
        turned = found == size[::-1] and orientation != 1
        remedy = (
            "its EXIF orientation is ignored: turn the pixels themselves, or give the size and "
            "camera_intrinsic of the stored pixels"
            if turned
            else "correct both, and camera_intrinsic, which is for one size"
        )
        raise ValueError(
            f"{describe(self._folder, 'sample_data', frame)} width x height is {found[0]} x "
            f"{found[1]} px, but {path} has {size[0]} x {size[1]} px; {remedy}."
        )

    def _fill_sizes(self, camera: str, size: tuple[int, int]) -> None:
        """Give the frames of a camera a size if the tables have none."""
        for frame in self._nusc.sample_data:
            if frame["channel"] == camera and 0 in (frame["width"], frame["height"]):
                measured = zip(("width", "height"), size, strict=True)
                frame.update({side: frame[side] or pixels for side, pixels in measured})
                what = f"images of {camera} without a size in the tables, read from one"
                self.remarks.add(what, frame["filename"])

    def _check_intrinsics(self, frame: Record) -> None:
        record = self._nusc.get("calibrated_sensor", frame["calibrated_sensor_token"])
        width, height = frame["width"], frame["height"]
        fault = find_intrinsics_fault(record["camera_intrinsic"], width, height)
        if fault:
            raise ValueError(
                f"{describe(self._folder, 'calibrated_sensor', record)} camera_intrinsic {fault}; "
                f"images of {frame['channel']} have {width} x {height} px."
            )
        if doubt := find_intrinsics_doubt(record["camera_intrinsic"], width, height):
            where = describe(self._folder, "calibrated_sensor", record)
            what = f"calibrations of {frame['channel']} that look wrong"
            self.remarks.add(what, f"{where} camera_intrinsic {doubt}")
