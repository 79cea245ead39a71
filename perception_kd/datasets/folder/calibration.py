"""Calibration of one scene's sensors, as matrices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.datasets.calibration_checks import find_intrinsics_fault
from perception_kd.datasets.folder.calibration_values import Numbers
from perception_kd.datasets.folder.rig import DIRECTIONS, Camera, Lidar, Rig, opposite
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.vehicle_limits import MAX_SENSOR_DISTANCE
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array

# Directions as vectors: in ego coordinates, and in camera coordinates.
_EGO = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
_CAMERA = np.array([[0.0, 0, 1], [0, 0, -1], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]])
_MIRROR = np.diag([1.0, -1, 1, 1])


@dataclass(frozen=True)
class CameraCalibration:
    """Calibration of a camera.

    Attributes:
        lidar2cam: Without the motion between two times, (4, 4).
        cam2img: Intrinsics of the stored image in px, (3, 3).
        distortion_model: "none", "opencv" or "fisheye".
        distortion: Coefficients in OpenCV's order, (n,).
    """

    lidar2cam: Array
    cam2img: Array
    distortion_model: str
    distortion: Array

    @property
    def is_distorted(self) -> bool:
        """True if straight lines are curved in the stored image."""
        return bool(np.any(self.distortion))


def axes_matrix(axes: tuple[str, ...]) -> Array:
    """Return the matrix from stored axes to those of info files, (4, 4).

    It is a rotation, or a reflection if the stored axes are left-handed.

    Args:
        axes: Where stored x, y and z point; those of info files point forward, left and
            up.
    """
    return make_rigid(_EGO[[DIRECTIONS.index(name) for name in axes]].T, np.zeros(3))


def camera_axes_matrix(axes: tuple[str, ...]) -> Array:
    """Return the matrix from a camera's axes to x right, y down, z forward, (4, 4).

    It is a rotation, or a reflection if the axes are left-handed.

    Args:
        axes: Where x, y and z of the camera point in the rig file.
    """
    return make_rigid(_CAMERA[[DIRECTIONS.index(name) for name in axes]].T, np.zeros(3))


def is_left_handed(axes: tuple[str, ...]) -> bool:
    """Return whether the names of three axes are left-handed."""
    return bool(np.linalg.det(axes_matrix(axes)) < 0)


def world_mirror(lidar: Lidar) -> Array:
    """Return the matrix from a rig's vehicle or world to that of info files, (4, 4).

    The identity, unless the axes of the LiDAR are left-handed: then the vehicle and the
    world are, too, with x forward, y right and z up, as in CARLA.
    """
    return _MIRROR if is_left_handed(lidar.axes) else np.eye(4)


def load_lidar2ego(lidar: Lidar, root: Path, scene: str) -> Array:
    """Return the place of the LiDAR in the ego vehicle, (4, 4).

    LiDAR coordinates are those of info files, whose axes may differ from the stored.

    Raises:
        FileNotFoundError: If a file of the calibration is missing.
        RigError: If it is not a rigid transform.
    """
    stored2ego = np.eye(4)
    if lidar.lidar2ego is not None:
        stored2ego = lidar.lidar2ego.load(root, scene)
    elif lidar.ego2lidar is not None:
        stored2ego = invert_rigid(lidar.ego2lidar.load(root, scene))
    else:
        return stored2ego
    return world_mirror(lidar) @ stored2ego @ invert_rigid(axes_matrix(lidar.axes))


def load_camera(
    camera: Camera, lidar: Lidar, root: Path, scene: str, size: tuple[int, int], where: str
) -> CameraCalibration:
    """Load the calibration of a camera.

    Args:
        camera: The camera.
        lidar: The LiDAR of the same rig.
        root: Folder of the recording.
        scene: Name of the scene's folder, for paths of calibration files.
        size: Width and height of its images in px.
        where: Rig file and camera, for errors.

    Raises:
        FileNotFoundError: If a file of the calibration is missing.
        RigError: If a value is impossible.
    """
    cam2img, offset = _load_intrinsics(camera, root, scene, size)
    if fault := find_intrinsics_fault(cam2img.tolist(), *size):
        raise RigError(
            f"{where}.intrinsics {fault}; images have {size[0]} x {size[1]} px. Correct it, or "
            "give calibrated_size if it was measured on images of another size."
        )
    given = _load_extrinsics(camera, lidar, root, scene)
    turned = camera_axes_matrix(camera.axes)
    if "ego" in camera.direction:
        lidar2cam = turned @ given @ world_mirror(lidar) @ load_lidar2ego(lidar, root, scene)
    else:
        lidar2cam = turned @ given @ invert_rigid(axes_matrix(lidar.axes))
    lidar2cam = make_rigid(np.eye(3), offset) @ lidar2cam
    distance = float(np.linalg.norm(lidar2cam[:3, 3]))
    if distance > MAX_SENSOR_DISTANCE:
        raise RigError(
            f"{where}.{camera.direction}: the camera is {distance:.4g} m from the LiDAR; is a "
            "translation in cm or mm? Give it in m, and check that it is of the same vehicle."
        )
    distortion = np.zeros(0)
    if camera.distortion is not None:
        distortion = camera.distortion.load(root, scene)
    return CameraCalibration(lidar2cam, cam2img, camera.distortion_model, distortion)


def _load_extrinsics(camera: Camera, lidar: Lidar, root: Path, scene: str) -> Array:
    """Return the transform to the camera as the rig file has it, (4, 4)."""
    mirrors = is_left_handed(lidar.axes) != is_left_handed(camera.axes)
    given = camera.extrinsics.load(root, scene, mirrors=mirrors)
    return invert_rigid(given) if camera.direction in ("cam2lidar", "cam2ego") else given


def describe_rig_extrinsics(rig: Rig, lidar2ego: Array) -> dict[str, Extrinsics]:
    """Return the source of the extrinsics of each camera.

    Args:
        rig: The rig.
        lidar2ego: From :func:`load_lidar2ego`.
    """
    found = {}
    for camera in rig.cameras:
        other = opposite(camera.direction)
        axes_change = camera_axes_matrix(camera.axes) @ invert_rigid(axes_matrix(rig.lidar.axes))
        if "ego" in camera.direction:
            axes_change = camera_axes_matrix(camera.axes) @ world_mirror(rig.lidar) @ lidar2ego
        found[camera.name] = Extrinsics(
            f"{rig.path}: cameras.{camera.name}.{camera.direction}",
            f"is this {other}?",
            f"rename it to {other}",
            axes_change,
        )
    return found


def _load_intrinsics(
    camera: Camera, root: Path, scene: str, size: tuple[int, int]
) -> tuple[Array, Array]:
    """Return intrinsics (3, 3) of stored images, and the offset of the camera, (3,)."""
    numbers: Numbers = camera.intrinsics
    values, offset = numbers.load(root, scene), np.zeros(3)
    if len(values) == 4:
        fx, fy, cx, cy = values
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    elif len(values) == 9:
        matrix = values.reshape(3, 3)
    else:
        matrix = values.reshape(3, 4)[:, :3]
        if not abs(np.linalg.det(matrix)) > 0:
            raise RigError(f"{numbers.where} has a matrix without an inverse; name another key.")
        offset = np.linalg.solve(matrix, values.reshape(3, 4)[:, 3])
    if camera.calibrated_size is not None:
        matrix = scale_intrinsics(matrix, camera.calibrated_size, size)
    return matrix, offset


def scale_intrinsics(matrix: Array, from_size: tuple[int, int], to_size: tuple[int, int]) -> Array:
    """Return the intrinsics of resized images, (3, 3).

    Args:
        matrix: Intrinsics in px, (3, 3).
        from_size: Width and height of the images that they are of, in px.
        to_size: Width and height after resizing, in px.
    """
    factors = np.array(to_size) / np.array(from_size)
    scaled = matrix.copy()
    scaled[:2] *= factors[:, None]
    scaled[:2, 2] += (factors - 1) / 2  # the center of the first pixel is 0
    return scaled


def stored_axes(axes: tuple[str, ...]) -> tuple[str, str, str]:
    """Return which stored axis lies along x, y and z of info files, such as "-y"."""
    matrix = axes_matrix(axes)[:3, :3]
    signs = {1: "", -1: "-"}
    names = [
        f"{signs[round(row[place])]}{'xyz'[place]}"
        for row in matrix
        for place in [int(np.argmax(np.abs(row)))]
    ]
    return names[0], names[1], names[2]
