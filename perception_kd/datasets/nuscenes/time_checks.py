"""Checks of the times of one nuScenes scene, and of the way between its sweeps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.structures import Array

_UNITS_S = {"nanoseconds": 1e-9, "milliseconds": 1e-3, "seconds": 1.0}
_MICROSECOND = 1e-6
_LONGEST_S, _SHORTEST_S = 20.0, 0.004  # between two sweeps
_YEAR_2100_S = 4.1e9
_MAX_LAG_S = 1.0
_MAX_SPEED = 150.0  # m/s


def check_times(
    nusc: CheckedTables, folder: Path, sensors: Sensors, keyframes: Sequence[Record]
) -> None:
    """Check that times are in microseconds, and poses in meters.

    Args:
        nusc: The scene's tables.
        folder: Folder of the tables.
        sensors: The converted sensors.
        keyframes: Samples with a keyframe of the LiDAR, at least one.

    Raises:
        ValueError: If the times of sweeps cannot be microseconds, a sensor's are far
            from the LiDAR's, or the ego vehicle is too fast.
    """
    sweeps = [frame for frame in nusc.sample_data if frame["channel"] == sensors.lidar]
    sweeps.sort(key=lambda frame: frame["timestamp"])
    times = np.array([frame["timestamp"] for frame in sweeps], float)
    interval = float(np.median(np.diff(times))) if len(times) > 1 else None
    latest = describe(folder, "sample_data", sweeps[-1])
    if not _is_plausible(interval, times[-1], _MICROSECOND):
        units = [x for x, unit in _UNITS_S.items() if _is_plausible(interval, times[-1], unit)]
        guess = f"they look like {units[0]}" if units else "they are no times of a LiDAR"
        spacing = "" if interval is None else f", {interval:g} after the sweep before"
        raise ValueError(
            f"{latest} timestamp is {sweeps[-1]['timestamp']}{spacing}; times must be in "
            f"microseconds, but {guess}."
        )
    for sample in keyframes:
        _check_lags(nusc, folder, sensors.lidar, sample)
    _check_speed(nusc, folder, sweeps, times)


def _is_plausible(interval: float | None, time: float, unit_s: float) -> bool:
    """Return whether an interval between sweeps and a time can have a unit."""
    if not 0 <= time * unit_s < _YEAR_2100_S:
        return False
    return interval is None or _SHORTEST_S < interval * unit_s < _LONGEST_S


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


def _check_speed(nusc: CheckedTables, folder: Path, sweeps: Sequence[Record], times: Array) -> None:
    poses = [nusc.get("ego_pose", frame["ego_pose_token"]) for frame in sweeps]
    positions = np.array([pose["translation"] for pose in poses], float)
    way = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    speed = way / np.maximum(np.diff(times) * _MICROSECOND, _SHORTEST_S)
    if speed.size and np.median(speed) > _MAX_SPEED:
        raise ValueError(
            f"{describe(folder, 'ego_pose', poses[-1])} the ego vehicle moves at "
            f"{np.median(speed):.3g} m/s; translation must be in m and timestamp in microseconds."
        )
