"""Entries of an info file for the frames of a recording."""

import hashlib
import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import Any

from perception_kd.datasets.conversion import Absence
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import FrameFiles
from perception_kd.datasets.folder.scene_data import SceneData
from perception_kd.datasets.folder.undistortion import SUFFIX
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.layout_fields import layout_entry
from perception_kd.structures import Array, InfoEntry, PointLayout

_MAX_NAME = 120


def plain_name(text: str) -> str:
    """Return a text as the name of a file: other characters become "-"."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "-", text)
    if len(name) > _MAX_NAME:  # the end tells names apart more often than the beginning
        name = f"{hashlib.sha256(text.encode()).hexdigest()[:12]}-{name[-_MAX_NAME:]}"
    return f"_{name[1:]}" if name.startswith(".") else name


def file_token(sensor: str, file: SensorFile) -> str:
    """Return the token of a sensor's file, which names its entries of caches."""
    path = str(PurePosixPath(file.path).with_suffix("")).replace("/", "-")
    return plain_name(f"{sensor}_{path}")


class EntryMaker:
    """Make entries of an info file.

    Args:
        layout: Layout of the files of points.
    """

    def __init__(self, layout: PointLayout) -> None:
        self._layout = layout_entry(layout)
        self._lacking: dict[str, list[str]] = defaultdict(list)

    def absences(self, num_frames: int) -> list[Absence]:
        """Return a sentence on what was left out of so many frames."""
        return [
            Absence(
                f"poses: {len(paths)} of {num_frames} {what}, such as {', '.join(paths[:3])}.",
                len(paths) / num_frames,
            )
            for what, paths in self._lacking.items()
        ]

    def make(self, frame: FrameFiles, scene: SceneData) -> InfoEntry | None:
        """Return the entry of a frame, or None if there are poses, but not of it."""
        time, token = frame.sweep.time, file_token("lidar", frame.sweep)
        ego2global = scene.ego2global(time)
        if ego2global is None:
            self._lacking["frames are left out, which have no pose"].append(frame.sweep.path)
            return None
        images = {name: self._image(frame, name, scene, ego2global) for name in frame.images}
        entry: InfoEntry = {
            "token": token,
            "scene_token": frame.scene,
            "scene_name": frame.scene,
            "timestamp": time,
            "ego2global": ego2global.tolist(),
            "lidar_points": {
                **self._layout,
                "lidar_path": frame.sweep.path,
                "lidar2ego": scene.lidar2ego.tolist(),
                "sample_data_token": token,
                "timestamp": time,
                "ego2global": ego2global.tolist(),
            },
            "images": {name: image for name, image in images.items() if image is not None},
            "instances": [],
        }
        if sweeps := self._sweeps(frame, scene, ego2global):
            entry["lidar_sweeps"] = sweeps
        return entry

    def _image(
        self, frame: FrameFiles, name: str, scene: SceneData, ego2global: Array
    ) -> dict[str, Any] | None:
        camera, image = scene.cameras[name], frame.images[name]
        at_image = scene.ego2global(image.time)
        if at_image is None:
            self._lacking[f"frames lack their image of {name}, which has no pose"].append(
                image.path
            )
            return None
        lidar2cam = camera.lidar2cam
        if scene.trajectory is not None:
            # The LiDAR at its own time, seen from the camera at the time of the image.
            moved = invert_rigid(at_image) @ ego2global
            lidar2cam = lidar2cam @ invert_rigid(scene.lidar2ego) @ moved @ scene.lidar2ego
        token = file_token(name, image)
        return {
            "img_path": image.path if camera.lens is None else undistorted_path(frame, name),
            "height": camera.size[1],
            "width": camera.size[0],
            "cam2img": camera.cam2img.tolist(),
            "lidar2cam": lidar2cam.tolist(),
            "cam2ego": (scene.lidar2ego @ invert_rigid(camera.lidar2cam)).tolist(),
            "sample_data_token": token,
            "timestamp": image.time,
            "ego2global": at_image.tolist(),
        }

    def _sweeps(
        self, frame: FrameFiles, scene: SceneData, ego2global: Array
    ) -> list[dict[str, Any]]:
        """Return the entries of earlier sweeps; none without poses."""
        if scene.trajectory is None:
            return []
        entries = []
        for sweep in frame.earlier:
            at_sweep = scene.ego2global(sweep.time)
            if at_sweep is None:
                break
            moved = invert_rigid(ego2global) @ at_sweep
            sweep2lidar = invert_rigid(scene.lidar2ego) @ moved @ scene.lidar2ego
            lidar = {
                **self._layout,
                "lidar_path": sweep.path,
                "lidar2ego": scene.lidar2ego.tolist(),
                "lidar2sensor": invert_rigid(sweep2lidar).tolist(),
            }
            entries.append(
                {
                    "timestamp": sweep.time,
                    "ego2global": at_sweep.tolist(),
                    "lidar_points": lidar,
                    "sample_data_token": file_token("lidar", sweep),
                    "sweep2lidar": sweep2lidar.tolist(),
                }
            )
        return entries


def undistorted_path(frame: FrameFiles, camera: str) -> str:
    """Return the path of an undistorted image below the folder of its camera."""
    token = file_token(camera, frame.images[camera])
    return f"{plain_name(frame.source or 'images')}/{token}{SUFFIX}"
