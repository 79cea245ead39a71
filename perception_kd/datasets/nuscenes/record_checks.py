"""Checks of all mounts, poses and boxes in the tables of one nuScenes scene."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.box_checks import find_box_faults
from perception_kd.datasets.mount_checks import Mount, check_mounts
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.datasets.pose_checks import find_pose_fault, is_in_other_order
from perception_kd.datasets.remarks import Remarks

_MICROSECOND = 1e-6
_MIN_BOXES = 5


class RecordChecks:
    """Checks of the records of one scene.

    Args:
        nusc: The scene's tables.
        sensors: The converted sensors.

    Attributes:
        remarks: What looks wrong and is converted all the same.
    """

    def __init__(self, nusc: CheckedTables, sensors: Sensors) -> None:
        self._nusc, self._sensors = nusc, sensors
        self._folder = Path(nusc.dataroot, nusc.version)
        self.remarks = Remarks()

    def check_mounts(self) -> None:
        """Check the calibrations of all sensors.

        Raises:
            ValueError: If one is impossibly far from the ego vehicle, or rotations are
                of another order or sense.
        """
        channels = {frame["calibrated_sensor_token"]: frame for frame in self._nusc.sample_data}
        mounts = []
        for token, frame in channels.items():
            record = self._nusc.get("calibrated_sensor", token)
            mounts.append(
                Mount(
                    f"{describe(self._folder, 'calibrated_sensor', record)} {frame['channel']}",
                    frame["channel"] != self._sensors.lidar,
                    tuple(record["rotation"]),
                    tuple(record["translation"]),
                )
            )
        faults = check_mounts(mounts)
        if faults.error:
            raise ValueError(faults.error)
        for name, doubt in faults.doubts.items():
            where, _, channel = name.rpartition(" ")
            self.remarks.add(f"calibrations of {channel} that look wrong", f"{where} it {doubt}")

    def check_poses(self) -> None:
        """Check the poses of all frames of the scene.

        Raises:
            ValueError: If one is impossibly far from those around it, or turned.
        """
        first: dict[str, float] = {}
        for frame in sorted(self._nusc.sample_data, key=lambda frame: frame["timestamp"]):
            first.setdefault(frame["ego_pose_token"], frame["timestamp"])
        poses = [self._nusc.get("ego_pose", token) for token in first]
        fault = find_pose_fault(
            np.array([pose["translation"] for pose in poses], float).reshape(-1, 3),
            np.array([pose["rotation"] for pose in poses], float).reshape(-1, 4),
            np.array([*first.values()], np.float64) * _MICROSECOND,
        )
        if fault is None:
            return
        where = describe(self._folder, "ego_pose", poses[fault.place])
        if fault.is_error:
            raise ValueError(f"{where} it {fault.text}.")
        self.remarks.add("scenes with a pose that looks wrong", f"{where} it {fault.text}")

    def check_boxes(self, keyframes: Sequence[Record]) -> None:
        """Check the boxes of all keyframes against the ego vehicle.

        Raises:
            ValueError: If most are impossibly far away, large or small.
        """
        samples = {sample["token"]: sample for sample in keyframes}
        boxes = [x for x in self._nusc.sample_annotation if x["sample_token"] in samples]
        if not boxes:
            return
        self._check_order(boxes)
        position_of = {token: self._position(sample) for token, sample in samples.items()}
        faults = find_box_faults(
            np.array([box["translation"] for box in boxes], float),
            np.array([box["size"] for box in boxes], float),
            np.array([position_of[box["sample_token"]] for box in boxes], float),
        )
        for what, wrong in faults.items():
            places = np.flatnonzero(wrong)
            if not len(places):
                continue
            where = describe(self._folder, "sample_annotation", boxes[places[0]])
            if len(boxes) >= _MIN_BOXES and 2 * len(places) > len(boxes):
                raise ValueError(
                    f"{where} it is {what}, as are {len(places)} of {len(boxes)} boxes; "
                    "translation and size must be in m, in global coordinates of ego_pose."
                )
            self.remarks.add(f"boxes {what}", where.rstrip(":"), len(places))

    def _check_order(self, boxes: Sequence[Record]) -> None:
        quaternions = np.array([box["rotation"] for box in boxes], np.float64)
        if len(boxes) >= _MIN_BOXES and is_in_other_order(quaternions):
            raise ValueError(
                f"{describe(self._folder, 'sample_annotation', boxes[0])} rotation: boxes are not "
                "upright, but would be if rotations were x, y, z, w; they must be w, x, y, z."
            )

    def _position(self, sample: Record) -> list[float]:
        frame = self._nusc.get("sample_data", sample["data"][self._sensors.lidar])
        position: list[float] = self._nusc.get("ego_pose", frame["ego_pose_token"])["translation"]
        return position
