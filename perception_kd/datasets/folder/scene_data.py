"""Data that the frames of a scene share: sizes of images, calibrations, poses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.calibration_checks import read_image_size
from perception_kd.datasets.folder.calibration import (
    CameraCalibration,
    axes_matrix,
    camera_axes_matrix,
    is_left_handed,
    load_camera,
    load_lidar2ego,
    world_mirror,
)
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import Recording
from perception_kd.datasets.folder.poses import Trajectory, read_trajectory
from perception_kd.datasets.folder.rig import Camera, Poses, Rig, opposite
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.folder.undistortion import Lens, new_intrinsics
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Array


@dataclass(frozen=True)
class CameraData:
    """A camera of a scene.

    Attributes:
        size: Width and height of its images in px.
        lidar2cam: Without the motion between two times, (4, 4).
        inverted: The same if the extrinsics were given in the other direction, (4, 4).
        cam2img: Intrinsics of images without distortion in px, (3, 3).
        lens: What the stored images must be undistorted by; None if by nothing.
    """

    size: tuple[int, int]
    lidar2cam: Array
    inverted: Array
    cam2img: Array
    lens: Lens | None


@dataclass(frozen=True)
class SceneData:
    """Data that the frames of a scene share.

    Attributes:
        lidar2ego: Place of the LiDAR in the ego vehicle, (4, 4).
        cameras: The cameras that have images in the scene.
        trajectory: Poses, or None.
    """

    lidar2ego: Array
    cameras: Mapping[str, CameraData]
    trajectory: Trajectory | None

    def ego2global(self, time: float) -> Array | None:
        """Return the pose of the ego vehicle, (4, 4); the identity without poses.

        None if there are poses, but not at this time.
        """
        return np.eye(4) if self.trajectory is None else self.trajectory.ego2global(time)


def load_scene(rig: Rig, root: Path, recording: Recording, poses: Poses | None) -> SceneData:
    """Load and check what the frames of a scene share.

    Args:
        rig: The rig.
        root: Folder of the recording.
        recording: Files of the scene.
        poses: Where its poses are; None if there are none.

    Raises:
        FileNotFoundError: If a file is missing.
        RigError: If a calibration or a pose is impossible.
    """
    lidar2ego = load_lidar2ego(rig.lidar, root, recording.scene)
    cameras = {
        camera.name: _load_camera(rig, camera, root, recording)
        for camera in rig.cameras
        if recording.images[camera.name]
    }
    trajectory = None
    if poses is not None:
        trajectory = _load_trajectory(rig, root, recording, lidar2ego, cameras, poses)
    return SceneData(lidar2ego, cameras, trajectory)


def check_image_size(
    path: Path, size: tuple[int, int], expected: tuple[int, int], where: str
) -> None:
    """Check that an image has the size of the others of its camera.

    Raises:
        RigError: If it has not.
    """
    if size != expected:
        raise RigError(
            f"{where}.files: {path} has {size[0]} x {size[1]} px, but others have {expected[0]} x "
            f"{expected[1]}; a camera must have one size: correct the pattern, or make two cameras."
        )


def _measure(root: Path, images: Sequence[SensorFile], where: str) -> tuple[int, int]:
    """Return the size of the first image that can be read."""
    fault = ""
    for image in images:
        try:
            return read_image_size(root / image.path)
        except ValueError as error:
            fault = fault or str(error)
    raise RigError(f"{where}.files: no image can be read: {fault}")


def _load_camera(rig: Rig, camera: Camera, root: Path, recording: Recording) -> CameraData:
    where = f"{rig.path}: cameras.{camera.name}"
    size = _measure(root, recording.images[camera.name], where)
    scene = recording.scene

    def load(camera: Camera) -> CameraCalibration:
        return load_camera(camera, rig.lidar, root, scene, size, where)

    calibration = load(camera)
    inverted = load(replace(camera, direction=opposite(camera.direction))).lidar2cam
    if not calibration.is_distorted:
        return CameraData(size, calibration.lidar2cam, inverted, calibration.cam2img, None)
    lens = Lens.of(calibration, size)
    try:
        cam2img = new_intrinsics(lens)
    except (ValueError, cv2.error) as error:
        raise RigError(
            f"{where}.distortion: {error}; correct its model, the order of its coefficients, or "
            "calibrated_size."
        ) from error
    return CameraData(size, calibration.lidar2cam, inverted, cam2img, lens)


def _load_trajectory(
    rig: Rig,
    root: Path,
    recording: Recording,
    lidar2ego: Array,
    cameras: Mapping[str, CameraData],
    poses: Poses,
) -> Trajectory:
    where = f"{rig.path}: poses"
    # Bodies and the world are mirrored where the LiDAR is.
    mirror = world_mirror(rig.lidar)
    stored2ego = lidar2ego @ axes_matrix(rig.lidar.axes)
    if poses.of == "ego":
        body2ego = np.eye(4)
    elif poses.of == "lidar":  # of the stored axes
        body2ego = stored2ego @ mirror
    elif poses.of == "body":
        body2ego = stored2ego @ _body2lidar(poses, root, recording.scene) @ mirror
    elif poses.of in cameras:
        optical2ego = lidar2ego @ invert_rigid(cameras[poses.of].lidar2cam)
        body2ego = optical2ego @ _stored2optical(rig, poses.of, where) @ mirror
    else:
        raise RigError(f"{where}.of is {poses.of!r}, a camera without images; name another one.")
    return read_trajectory(
        poses, root, recording.scene, recording.sweeps, body2ego, where, mirror=mirror
    )


def _stored2optical(rig: Rig, name: str, where: str) -> Array:
    """Return the change of a camera's axes in the rig file to optical ones, (4, 4)."""
    axes = next(camera.axes for camera in rig.cameras if camera.name == name)
    if is_left_handed(axes) != is_left_handed(rig.lidar.axes):
        raise RigError(
            f"{where}.of is {name!r}, but either its axes or lidar.axes are left-handed, so that "
            f"its poses cannot be rotations; correct cameras.{name}.axes and its extrinsics, or "
            "give poses of the lidar, the ego vehicle or a body."
        )
    return camera_axes_matrix(axes)


def _body2lidar(poses: Poses, root: Path, scene: str) -> Array:
    if poses.body2lidar is not None:
        return poses.body2lidar.load(root, scene)
    if poses.lidar2body is None:
        return np.eye(4)
    return invert_rigid(poses.lidar2body.load(root, scene))
