"""The folder that a bag becomes: files of sensors, poses, and a rig file."""

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.constants import RIG, SCENE_GAP_S
from perception_kd.datasets.rosbag.images import EncodedImage
from perception_kd.datasets.rosbag.sensors import CameraSetup
from perception_kd.datasets.rosbag.settings import ExtractionSettings
from perception_kd.io.atomic import remove_leftovers, write_json, write_whole
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.io.json_file import read_json
from perception_kd.io.lock import LOCK
from perception_kd.structures import Array

POSES, BAG_MANIFEST = "poses.txt", "rosbag.json"
_LIDAR, _IMAGES = "lidar", "images"
# Largest intensities of common sensors.
_INTENSITIES = (1, 255, 65535)
_REMEDY = "Remove the folder, and run the command again."


class RecordingFolder:
    """Writes a recording as ``tools/create_data.py folder`` reads it.

    Files are written whole. One that is there already is left as it is: the same
    extraction has written it before it was stopped.

    Args:
        root: Folder of the recording.
        made_from: JSON types that say which bag it is of, with which settings.

    Raises:
        ValueError: If the folder holds anything else.
    """

    def __init__(self, root: Path, made_from: dict[str, Any]) -> None:
        self.root = root
        self._stamps, self._places = array("q"), array("d")  # compact, for hours
        self._max_intensity: float | None = None
        self._has_intensity = False
        self._prepare(made_from)

    def _prepare(self, made_from: dict[str, Any]) -> None:
        manifest = self.root / BAG_MANIFEST
        if manifest.exists():
            if read_json(manifest, _REMEDY) != made_from:
                raise ValueError(
                    f"{self.root} is of another bag, or made with other options, as {manifest} "
                    "says; remove it, or choose another --out-dir."
                )
        elif self.root.is_dir() and any(path.name != LOCK for path in self.root.iterdir()):
            raise ValueError(
                f"{self.root} is not empty and not made from a bag; choose another --out-dir."
            )
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(manifest, made_from)
        for folder in (self.root, *self.root.glob("*/"), *self.root.glob(f"{_IMAGES}/*/")):
            if not folder.is_symlink():
                remove_leftovers(folder)

    def write_sweep(self, stamp: int, data: bytes) -> None:
        """Write the points of a time in ns."""
        self._write(self.root / _LIDAR / f"{stamp}.pcd", data)

    @property
    def num_poses(self) -> int:
        """Number of poses, duplicates included."""
        return len(self._stamps)

    def take_pose(self, stamp: int, lidar2world: Array) -> None:
        """Remember the pose of the LiDAR, (4, 4), at a time in ns."""
        self._stamps.append(stamp)
        turn = Rotation.from_matrix(lidar2world[:3, :3]).as_quat()
        self._places.extend([*lidar2world[:3, 3], *turn])

    def take_intensities(self, values: Array) -> None:
        """Remember the largest intensity of a sweep."""
        self._has_intensity = True
        if len(values):
            self._max_intensity = max(float(values.max()), self._max_intensity or 0.0)

    def has_image(self, camera: str, stamp: int, suffix: str) -> bool:
        """Return whether an image is there already."""
        return self._image_path(camera, stamp, suffix).exists()

    def write_image(self, camera: str, stamp: int, file: EncodedImage) -> None:
        """Write the image of a camera of a time in ns."""
        self._write(self._image_path(camera, stamp, file.suffix), file.data)

    def _image_path(self, camera: str, stamp: int, suffix: str) -> Path:
        return self.root / _IMAGES / camera / f"{stamp}{suffix}"

    def _write(self, path: Path, data: bytes) -> None:
        if not path.exists():
            make_inner_folder(self.root, path.parent)
            write_whole(path, data)

    def finish(
        self, cameras: tuple[CameraSetup, ...], settings: ExtractionSettings, command: str
    ) -> str:
        """Write poses and rig file.

        A rig file that was edited since it was written is left as it is.

        Args:
            cameras: The cameras.
            settings: Options of the extraction.
            command: Shell command that makes the folder again.

        Returns:
            A sentence if the rig file was left as it is, else nothing.
        """
        if self.num_poses:
            stamps, places = np.unique(np.array(self._stamps), return_index=True)
            poses = np.array(self._places).reshape(-1, 7)[places]
            lines = (_format_pose(*item) for item in zip(stamps.tolist(), poses, strict=True))
            write_whole(self.root / POSES, "".join(lines).encode())
        rig = self._describe(cameras, settings)
        text = yaml.safe_dump(rig, sort_keys=False, default_flow_style=None, width=100)
        path = self.root / RIG
        if path.exists() and path.read_text().partition("\n")[2] != text:
            return f"{path} was edited and is kept; remove it to have it made again."
        write_whole(path, f"# Made by: {command}\n{text}".encode())
        return ""

    def _describe(
        self, cameras: tuple[CameraSetup, ...], settings: ExtractionSettings
    ) -> dict[str, Any]:
        lidar: dict[str, Any] = {"files": f"{_LIDAR}/*.pcd"}
        if not self._has_intensity:
            lidar["intensity"] = "none"
        elif largest := self._largest_intensity():
            lidar["intensity_max"] = largest
        every_s = settings.every / 1e9
        has_poses = bool(self.num_poses)
        keeps_all = not settings.every or settings.keeps_between(has_poses)
        rig: dict[str, Any] = {
            "times": {"from": "names", "unit": "ns"},
            "lidar": lidar,
            "cameras": {camera.topics.name: _describe_camera(camera) for camera in cameras},
            "frames": {
                "tolerance_s": settings.tolerance / 1e9,
                # Sweeps that are seconds apart are not a sequence.
                "max_sweeps": 10 if keeps_all and (has_poses or settings.computes_poses) else 0,
                "scene_gap_s": max(SCENE_GAP_S, 3 * every_s),
            },
        }
        if settings.keeps_between(has_poses):
            rig["frames"]["every_s"] = every_s
        if not cameras:
            del rig["cameras"]
        if self.num_poses:
            rig["poses"] = {"format": "tum", "file": POSES, "of": "lidar"}
        if settings.val_share:
            rig["splits"] = {"val_share": settings.val_share}
        return rig

    def _largest_intensity(self) -> int | None:
        """Return the largest intensity that a sensor with the values seen can give."""
        seen = self._max_intensity or 0.0
        return next((largest for largest in _INTENSITIES if seen <= largest), None)


def _describe_camera(camera: CameraSetup) -> dict[str, Any]:
    calibration = camera.calibration
    described: dict[str, Any] = {
        "files": f"{_IMAGES}/{camera.topics.name}/*",
        "intrinsics": calibration.cam2img.tolist(),
        "lidar2cam": camera.lidar2cam.tolist(),
    }
    if calibration.size != camera.first.size and all(calibration.size):
        described["calibrated_size"] = list(calibration.size)
    if calibration.model != "none":
        described["distortion"] = {
            "model": calibration.model,
            "coefficients": list(calibration.coefficients),
        }
    return described


def _format_pose(stamp: int, pose: Array) -> str:
    """Return a line of a TUM file from x, y, z, and the rotation as x, y, z, w."""
    # Rounded as names of files are, whose whole seconds are split off: times are equal.
    seconds = stamp // 10**9 + stamp % 10**9 / 10**9
    return " ".join(repr(float(x)) for x in (seconds, *pose)) + "\n"
