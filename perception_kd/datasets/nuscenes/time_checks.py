"""Checks of the times of one nuScenes scene, and of the way between its sweeps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.calibration_checks import find_time_fault, median_speed
from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.datasets.vehicle_limits import MAX_SPEED

_MICROSECOND = 1e-6
_MAX_LAG_S = 1.0


def check_times(
    nusc: CheckedTables, folder: Path, sensors: Sensors, keyframes: Sequence[Record]
) -> None:
    """Check that times are in microseconds.

    Args:
        nusc: The scene's tables.
        folder: Folder of the tables.
        sensors: The converted sensors.
        keyframes: Samples with a keyframe of the LiDAR, at least one.

    Raises:
        ValueError: If the times of sweeps cannot be microseconds, or a sensor's are far
            from the LiDAR's.
    """
    sweeps = [frame for frame in nusc.sample_data if frame["channel"] == sensors.lidar]
    sweeps.sort(key=lambda frame: frame["timestamp"])
    latest = describe(folder, "sample_data", sweeps[-1])
    if fault := find_time_fault([x["timestamp"] for x in sweeps], "microseconds"):
        raise ValueError(f"{latest} timestamp {fault}.")
    for sample in keyframes:
        _check_lags(nusc, folder, sensors.lidar, sample)


def _check_lags(nusc: CheckedTables, folder: Path, lidar: str, sample: Record) -> None:
    time = nusc.get("sample_data", sample["data"][lidar])["timestamp"]
    frames = [nusc.get("sample_data", token) for token in sample["data"].values()]
    for table, record in [("sample", sample), *(("sample_data", frame) for frame in frames)]:
        lag_s = abs(record["timestamp"] - time) * _MICROSECOND
        if lag_s > _MAX_LAG_S:
            raise ValueError(
                f"{describe(folder, table, record)} timestamp is {record['timestamp']}, which is "
                f"{lag_s:.3g} s from that of {lidar} in the same sample, {time}; correct it."
            )


def check_speed(nusc: CheckedTables, folder: Path, lidar: str) -> None:
    """Check that poses are in meters.

    Args:
        nusc: The scene's tables.
        folder: Folder of the tables.
        lidar: Channel of the LiDAR.

    Raises:
        ValueError: If the ego vehicle is too fast.
    """
    sweeps = [frame for frame in nusc.sample_data if frame["channel"] == lidar]
    sweeps.sort(key=lambda frame: frame["timestamp"])
    poses = [nusc.get("ego_pose", frame["ego_pose_token"]) for frame in sweeps]
    times_s = np.array([frame["timestamp"] for frame in sweeps], float) * _MICROSECOND
    speed = median_speed(np.array([pose["translation"] for pose in poses], float), times_s)
    if speed > MAX_SPEED:
        raise ValueError(
            f"{describe(folder, 'ego_pose', poses[-1])} the ego vehicle moves at {speed:.3g} m/s; "
            "translation must be in m and timestamp in microseconds."
        )
