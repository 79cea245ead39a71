"""Entries of an info file for one nuScenes scene."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from nuscenes.eval.detection.utils import category_to_detection_name
from pyquaternion import Quaternion

from perception_kd.datasets.nuscenes.labels import NUSCENES_INFO_CLASSES
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.tables import CAMERAS, LIDAR, Record, SceneTables
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array, InfoEntry

NUM_POINT_FEATURES = 5  # x, y, z, intensity, ring

Matrix = list[list[float]]


@dataclass
class ScenePart:
    """Part of an info file for one scene.

    Attributes:
        samples: Entries ordered by time, without ``sample_idx``.
        missing_file: First missing file of a keyframe; ``samples`` is then empty.
        num_missing_sweeps: Number of sweeps omitted because their file is missing.
    """

    samples: list[InfoEntry] = field(default_factory=list)
    missing_file: str = ""
    num_missing_sweeps: int = 0


def data_prefix(version: str) -> dict[str, str]:
    """Return the folder of each kind of path in an entry."""
    cameras = {camera: f"samples/{camera}" for camera in CAMERAS}
    return {"pts": f"samples/{LIDAR}", "pts_semantic_mask": f"lidarseg/{version}"} | cameras


def detection_label(category: str) -> int:
    """Return the index of a category's detection class, or -1 if it has none."""
    name = category_to_detection_name(category)
    return -1 if name is None else NUSCENES_INFO_CLASSES.index(name)


def convert_scene(nusc: SceneTables, scene: Record, options: SceneOptions) -> ScenePart:
    """Convert the keyframes of a scene.

    Args:
        nusc: The scene's tables.
        scene: Its record.
        options: Optional content of the entries.

    Raises:
        ValueError: If a record refers to one that is missing in the tables.
    """
    try:
        converter = _SceneConverter(nusc, scene, options)
        missing_file = converter.find_missing_file()
        if missing_file:
            return ScenePart(missing_file=missing_file)
        samples = [converter.convert(sample) for sample in converter.keyframes]
    except KeyError as error:
        raise ValueError(
            f"The tables of {scene['name']} lack record {error}; unpack the metadata of "
            f"{nusc.version} again."
        ) from error
    return ScenePart(samples, num_missing_sweeps=len(converter.missing_sweeps))


class _SceneConverter:
    """Convert the devkit's records of one scene to plain dicts.

    mmdet3d stores most matrices in single precision; they are rounded like there, after
    all arithmetic. Additional matrices stay in double precision.
    """

    def __init__(self, nusc: SceneTables, scene: Record, options: SceneOptions) -> None:
        self._nusc, self._scene, self._options = nusc, scene, options
        self._prefix = data_prefix(nusc.version)
        self._labels = getattr(nusc, "lidarseg", [])
        self._location = nusc.get("log", scene["log_token"])["location"]
        self.keyframes = sorted(nusc.sample, key=lambda sample: sample["timestamp"])
        self.missing_sweeps: set[str] = set()
        # One object per record: values that occur often in an entry are pickled once.
        self._sensor2ego = cache(self._read_sensor2ego)
        self._ego2global = cache(self._read_ego2global)
        self._rounded_sensor2ego = cache(lambda token: _rounded(self._sensor2ego(token)))
        self._cam2img = cache(self._read_cam2img)
        self._exists = cache(lambda path: os.path.exists(os.path.join(nusc.dataroot, path)))

    def find_missing_file(self) -> str:
        """Return the first missing file of a keyframe, or an empty string."""
        for sample in self.keyframes:
            frames = [self._frame(token) for token in sample["data"].values()]
            paths = [frame["filename"] for frame in frames]
            if self._labels:
                paths.append(self._nusc.get("lidarseg", sample["data"][LIDAR])["filename"])
            for path in paths:
                if not self._exists(path):
                    return path
        return ""

    def convert(self, sample: Record) -> InfoEntry:
        """Return the entry of a keyframe."""
        lidar = self._frame(sample["data"][LIDAR])
        ego2global = self._ego2global(lidar["ego_pose_token"])
        cameras = [camera for camera in CAMERAS if camera in sample["data"]]
        info: InfoEntry = {
            "token": sample["token"],
            "scene_token": self._scene["token"],
            "scene_name": self._scene["name"],
            "location": self._location,
            "timestamp": sample["timestamp"] / 1e6,
            "ego2global": _rounded(ego2global),
            "lidar_points": {
                "num_pts_feats": NUM_POINT_FEATURES,
                "lidar_path": self._under("pts", lidar["filename"]),
                "lidar2ego": self._rounded_sensor2ego(lidar["calibrated_sensor_token"]),
                "sample_data_token": lidar["token"],
                "timestamp": lidar["timestamp"] / 1e6,
                "ego2global": ego2global.tolist(),
            },
            "images": {},
            "instances": self._instances(sample, lidar),
        }
        for camera in cameras:
            frame = self._frame(sample["data"][camera])
            path = self._under(camera, frame["filename"])
            info["images"][camera] = self._image(lidar, frame, path)
        self._add_sweeps(info, sample, lidar, cameras)
        if self._labels:
            path = self._nusc.get("lidarseg", lidar["token"])["filename"]
            info["pts_semantic_mask_path"] = self._under("pts_semantic_mask", path)
        if self._options.camera_boxes and self._nusc.sample_annotation:
            info["cam_instances"] = {
                camera: self._camera_boxes(sample["data"][camera]) for camera in cameras
            }
        return info

    def _add_sweeps(
        self, info: InfoEntry, sample: Record, lidar: Record, cameras: list[str]
    ) -> None:
        """Add earlier frames; as in mmdet3d's files, the key is absent without any."""
        before = self._before(lidar, self._options.max_sweeps)
        sweeps = [self._lidar_sweep(lidar, frame) for frame in before]
        if sweeps:
            info["lidar_sweeps"] = sweeps
        camera_sweeps = {}
        for camera in cameras:
            frame = self._frame(sample["data"][camera])
            before = self._before(frame, self._options.max_camera_sweeps)
            camera_sweeps[camera] = [self._image(lidar, x, x["filename"]) for x in before]
        if any(camera_sweeps.values()):
            info["camera_sweeps"] = camera_sweeps

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
            "ego2global": self._ego2global(frame["ego_pose_token"]).tolist(),
            "lidar2cam": _rounded(invert_rigid(self._sensor2lidar(frame, lidar))),
        }

    def _lidar_sweep(self, lidar: Record, frame: Record) -> dict[str, Any]:
        sweep2lidar = self._sensor2lidar(frame, lidar)
        return {
            "timestamp": frame["timestamp"] / 1e6,
            "ego2global": _rounded(self._ego2global(frame["ego_pose_token"])),
            "lidar_points": {
                "num_pts_feats": NUM_POINT_FEATURES,
                "lidar_path": frame["filename"],
                "lidar2ego": self._rounded_sensor2ego(frame["calibrated_sensor_token"]),
                "lidar2sensor": _rounded(invert_rigid(sweep2lidar)),
            },
            "sample_data_token": frame["token"],
            "sweep2lidar": sweep2lidar.tolist(),
        }

    def _sensor2lidar(self, frame: Record, lidar: Record) -> Array:
        """Return the transform from a sensor's frame to the key LiDAR's, (4, 4)."""
        sensor2global = self._sensor2global(frame)
        return invert_rigid(self._sensor2global(lidar)) @ sensor2global

    def _sensor2global(self, frame: Record) -> Array:
        sensor2ego = self._sensor2ego(frame["calibrated_sensor_token"])
        return self._ego2global(frame["ego_pose_token"]) @ sensor2ego

    def _before(self, frame: Record, count: int) -> Iterator[Record]:
        """Yield up to ``count`` earlier frames of a sensor, nearest first."""
        while count > 0 and frame["prev"]:
            frame = self._frame(frame["prev"])
            if not self._exists(frame["filename"]):
                self.missing_sweeps.add(frame["filename"])
                return
            yield frame
            count -= 1

    def _instances(self, sample: Record, lidar: Record) -> list[dict[str, Any]]:
        lidar2global = self._sensor2global(lidar)
        boxes = self._nusc.get_sample_data(lidar["token"])[1]
        instances = []
        for token, box in zip(sample["anns"], boxes, strict=True):
            annotation = self._nusc.get("sample_annotation", token)
            velocity = np.append(self._nusc.box_velocity(token)[:2], 0.0)
            width, length, height = box.wlh.tolist()
            label = detection_label(annotation["category_name"])
            num_points = annotation["num_lidar_pts"] + annotation["num_radar_pts"]
            instances.append(
                {
                    "bbox_label": label,
                    "bbox_3d": [
                        *box.center.tolist(),
                        *(length, width, height),
                        box.orientation.yaw_pitch_roll[0],
                    ],
                    "bbox_3d_isvalid": num_points > 0,
                    "bbox_label_3d": label,
                    "num_lidar_pts": annotation["num_lidar_pts"],
                    "num_radar_pts": annotation["num_radar_pts"],
                    "velocity": (velocity @ lidar2global[:3, :3])[:2].tolist(),
                }
            )
        return instances

    def _camera_boxes(self, token: str) -> list[dict[str, Any]]:
        from mmdet3d.datasets.convert_utils import get_nuscenes_2d_boxes  # imports torch

        visibilities = ["", "1", "2", "3", "4"]
        boxes: list[dict[str, Any]] = get_nuscenes_2d_boxes(self._nusc, token, visibilities)
        return boxes

    def _frame(self, token: str) -> Record:
        frame: Record = self._nusc.get("sample_data", token)
        return frame

    def _under(self, kind: str, path: str) -> str:
        return os.path.relpath(path, self._prefix[kind])

    def _read_sensor2ego(self, token: str) -> Array:
        return _matrix(self._nusc.get("calibrated_sensor", token))

    def _read_ego2global(self, token: str) -> Array:
        return _matrix(self._nusc.get("ego_pose", token))

    def _read_cam2img(self, token: str) -> Matrix:
        return np.array(self._nusc.get("calibrated_sensor", token)["camera_intrinsic"]).tolist()


def _matrix(record: Record) -> Array:
    return make_rigid(Quaternion(record["rotation"]).rotation_matrix, record["translation"])


def _rounded(matrix: Array) -> Matrix:
    return matrix.astype(np.float32).tolist()
