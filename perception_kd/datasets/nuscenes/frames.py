"""Frames of the sensors of one nuScenes scene: files, poses and calibrations."""

import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pyquaternion import Quaternion

from perception_kd.datasets.nuscenes.devkit import CheckedTables
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.sensors import Sensors
from perception_kd.datasets.nuscenes.table_fields import describe
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array

Matrix = list[list[float]]


def data_prefix(root: str | Path, version: str, sensors: Sensors) -> dict[str, str]:
    """Return the folder of each kind of path in an entry.

    It is nuScenes' if it exists, and else the root itself: a path through a folder that
    does not exist cannot be opened, even if it leads out of it again.
    """
    folders = {"pts": f"samples/{sensors.lidar}", "pts_semantic_mask": f"lidarseg/{version}"}
    folders |= {camera: f"samples/{camera}" for camera in sensors.cameras}
    return {kind: folder if Path(root, folder).is_dir() else "" for kind, folder in folders.items()}


class SceneFrames:
    """Frames of one scene as plain dicts.

    mmdet3d stores most matrices in single precision; they are rounded like there, after
    all arithmetic. Additional matrices stay in double precision.

    Args:
        nusc: The scene's tables.
        sensors: The sensors to convert.
        options: Layout of the points.

    Attributes:
        root: Folder of the data set.
        earlier: Files of earlier sweeps and images that the tables name.
        missing_sweeps: Those of them that are missing or empty.
        left_out: Files of sweeps to pass over.
        prefix: Folder of each kind of path.
    """

    def __init__(self, nusc: CheckedTables, sensors: Sensors, options: SceneOptions) -> None:
        self._nusc, self._options = nusc, options
        self.prefix = data_prefix(nusc.dataroot, nusc.version, sensors)
        self.root: str = nusc.dataroot
        self.earlier: set[str] = set()
        self.missing_sweeps: set[str] = set()
        self.left_out: set[str] = set()
        # One object per record: values that occur often in an entry are pickled once.
        self._sensor2ego = cache(self._read_sensor2ego)
        self._ego2global = cache(self._read_ego2global)
        self._rounded_sensor2ego = cache(lambda token: _rounded(self._sensor2ego(token)))
        self._cam2img = cache(self._read_cam2img)
        self.exists = cache(lambda path: _is_filled(os.path.join(nusc.dataroot, path)))

    def get(self, token: str) -> Record:
        """Return a record of ``sample_data``."""
        frame: Record = self._nusc.get("sample_data", token)
        return frame

    def ego2global(self, frame: Record) -> Array:
        """Return the pose of the ego vehicle at the time of a frame, (4, 4)."""
        return self._ego2global(frame["ego_pose_token"])

    def sensor2global(self, frame: Record) -> Array:
        """Return the pose of the sensor at the time of a frame, (4, 4)."""
        return self.ego2global(frame) @ self._sensor2ego(frame["calibrated_sensor_token"])

    def key_points(self, lidar: Record) -> dict[str, Any]:
        """Return ``lidar_points`` of a keyframe."""
        return {
            **self._layout(),
            "lidar_path": self.under("pts", lidar["filename"]),
            "lidar2ego": self._rounded_sensor2ego(lidar["calibrated_sensor_token"]),
            "sample_data_token": lidar["token"],
            "timestamp": lidar["timestamp"] / 1e6,
            "ego2global": self.ego2global(lidar).tolist(),
        }

    def key_image(self, lidar: Record, camera: str, frame: Record) -> dict[str, Any]:
        """Return the entry of a keyframe's image."""
        return self._image(lidar, frame, self.under(camera, frame["filename"]))

    def lidar_sweeps(self, lidar: Record) -> list[dict[str, Any]]:
        """Return the entries of the sweeps before a keyframe, nearest first."""
        return [self._sweep(lidar, x) for x in self._before(lidar, self._options.max_sweeps)]

    def camera_sweeps(self, lidar: Record, frame: Record) -> list[dict[str, Any]]:
        """Return the entries of the images before a keyframe's image, nearest first."""
        before = self._before(frame, self._options.max_camera_sweeps)
        return [self._image(lidar, x, x["filename"]) for x in before]

    def under(self, kind: str, path: str) -> str:
        """Return a path relative to the folder of its kind."""
        return os.path.relpath(path, self.prefix[kind] or ".")

    def _layout(self) -> dict[str, Any]:
        layout: dict[str, Any] = {"num_pts_feats": self._options.num_columns}
        if self._options.dtype != "float32":
            layout["dtype"] = self._options.dtype
        return layout

    def _image(self, lidar: Record, frame: Record, path: str) -> dict[str, Any]:
        calibration = frame["calibrated_sensor_token"]
        return {
            "img_path": path,
            "height": frame["height"],
            "width": frame["width"],
            "cam2img": self._cam2img(calibration),
            "sample_data_token": frame["token"],
            "timestamp": frame["timestamp"] / 1e6,
            "cam2ego": self._rounded_sensor2ego(calibration),
            "ego2global": self.ego2global(frame).tolist(),
            "lidar2cam": _rounded(invert_rigid(self._sensor2lidar(frame, lidar))),
        }

    def _sweep(self, lidar: Record, frame: Record) -> dict[str, Any]:
        sweep2lidar = self._sensor2lidar(frame, lidar)
        return {
            "timestamp": frame["timestamp"] / 1e6,
            "ego2global": _rounded(self.ego2global(frame)),
            "lidar_points": {
                **self._layout(),
                "lidar_path": frame["filename"],
                "lidar2ego": self._rounded_sensor2ego(frame["calibrated_sensor_token"]),
                "lidar2sensor": _rounded(invert_rigid(sweep2lidar)),
            },
            "sample_data_token": frame["token"],
            "sweep2lidar": sweep2lidar.tolist(),
        }

    def _sensor2lidar(self, frame: Record, lidar: Record) -> Array:
        """Return the transform from a sensor to the key LiDAR, (4, 4)."""
        sensor2global = self.sensor2global(frame)
        return invert_rigid(self.sensor2global(lidar)) @ sensor2global

    def _before(self, frame: Record, count: int) -> Iterator[Record]:
        """Yield up to ``count`` earlier frames of a sensor, nearest first."""
        while count > 0 and frame["prev"]:
            later, frame = frame, self.get(frame["prev"])
            if frame["timestamp"] >= later["timestamp"]:
                folder = Path(self._nusc.dataroot, self._nusc.version)
                raise ValueError(
                    f"{describe(folder, 'sample_data', later)} prev is {later['prev']!r}, which is "
                    "not earlier; correct it or timestamp."
                )
            self.earlier.add(frame["filename"])
            if not self.exists(frame["filename"]):
                self.missing_sweeps.add(frame["filename"])
                return
            if frame["filename"] not in self.left_out:
                yield frame
                count -= 1

    def _read_sensor2ego(self, token: str) -> Array:
        return _matrix(self._nusc.get("calibrated_sensor", token))

    def _read_ego2global(self, token: str) -> Array:
        return _matrix(self._nusc.get("ego_pose", token))

    def _read_cam2img(self, token: str) -> Matrix:
        return np.array(self._nusc.get("calibrated_sensor", token)["camera_intrinsic"]).tolist()


def _is_filled(path: str) -> bool:
    """Return whether there is a file that is not empty."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _matrix(record: Record) -> Array:
    return make_rigid(Quaternion(record["rotation"]).rotation_matrix, record["translation"])


def _rounded(matrix: Array) -> Matrix:
    return matrix.astype(np.float32).tolist()
