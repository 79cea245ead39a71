"""Calibration of cameras: extrinsics and intrinsics, as users give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_kd.datasets.calibration_checks import find_intrinsics_fault
from perception_kd.geometry.rigid import rotation_errors
from perception_kd.structures import Array, Image

_MAX_SKEW = 1e-3  # of a rotation's product with its transpose from the identity


@dataclass(frozen=True)
class Calibration:
    """Calibration of V cameras, for images of the size in which they are given.

    A camera looks along its +z, with x to the right and y down.

    Attributes:
        lidar2cam: Rigid transforms from LiDAR coordinates to those of each camera, with
            translations in m, shape (V, 4, 4). They include the motion of the ego
            vehicle between the sweep and the image, if that is known.
        cam2img: Intrinsics in px of the images without distortion, shape (V, 3, 3).

    Raises:
        ValueError: If the shapes do not fit or a matrix cannot be a camera's; names it.

    Example:
        >>> Calibration(np.eye(4)[None], np.eye(3)[None]).lidar2cam.shape
        (1, 4, 4)
        >>> Calibration(np.eye(3)[None], np.eye(3)[None])
        Traceback (most recent call last):
        ValueError: calibration: lidar2cam must have shape (V, 4, 4), but got (1, 3, 3).
    """

    lidar2cam: Array
    cam2img: Array

    def __post_init__(self) -> None:
        for name, size in (("lidar2cam", 4), ("cam2img", 3)):
            object.__setattr__(self, name, _read_matrices(name, getattr(self, name), size))
        if len(self.lidar2cam) != len(self.cam2img):
            raise ValueError(
                "calibration: lidar2cam and cam2img must be of the same cameras, but have "
                f"{len(self.lidar2cam)} and {len(self.cam2img)} matrices."
            )
        for view, matrix in enumerate(self.lidar2cam):
            _check_rigid(f"calibration: lidar2cam of image {view}", matrix)

    def check_images(self, imgs: Sequence[Image]) -> None:
        """Check that the intrinsics can be those of images.

        Args:
            imgs: The V images, each (H, W, 3).

        Raises:
            ValueError: If there are more or fewer, or the intrinsics are of images of
                another size.
        """
        if len(imgs) != len(self.cam2img):
            raise ValueError(
                f"calibration has matrices of {len(self.cam2img)} cameras, but {len(imgs)} images "
                "were given; give one for each image, in their order."
            )
        for view, (img, matrix) in enumerate(zip(imgs, self.cam2img, strict=True)):
            height, width = img.shape[:2]
            fault = find_intrinsics_fault(matrix.tolist(), width, height)
            if fault:
                raise ValueError(
                    f"calibration: cam2img of image {view}, which has {width} x {height} px, "
                    f"{fault}; give the intrinsics in px of the images as they are given."
                )


def parse_calibration(calibration: Any) -> Calibration:
    """Return a calibration that was given as one or as a dict of its matrices.

    Raises:
        ValueError: If it is neither, or a matrix is missing.
    """
    if isinstance(calibration, Calibration):
        return calibration
    names = ("lidar2cam", "cam2img")
    if not isinstance(calibration, Mapping) or not all(name in calibration for name in names):
        got = list(calibration) if isinstance(calibration, Mapping) else type(calibration).__name__
        raise ValueError(
            "calibration must be a Calibration, or a dict with lidar2cam, (V, 4, 4), and cam2img, "
            f"(V, 3, 3), but got {got}."
        )
    return Calibration(*(calibration[name] for name in names))


def _read_matrices(name: str, value: Any, size: int) -> Array:
    value = value.numpy(force=True) if hasattr(value, "numpy") else value
    try:
        matrices = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"calibration: {name} must be numbers, but {error}.") from error
    if matrices.ndim != 3 or matrices.shape[1:] != (size, size):
        raise ValueError(
            f"calibration: {name} must have shape (V, {size}, {size}), but got {matrices.shape}."
        )
    if not np.isfinite(matrices).all():
        raise ValueError(f"calibration: {name} has NaN or infinity.")
    return matrices


def _check_rigid(name: str, matrix: Array) -> None:
    is_rotation = rotation_errors(matrix[None, :3, :3])[0] < _MAX_SKEW
    if not is_rotation or (matrix[3] != (0, 0, 0, 1)).any():
        raise ValueError(
            f"{name} is not rigid: it must be a rotation and a translation in m, above a row of "
            "0, 0, 0, 1."
        )
