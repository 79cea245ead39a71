"""Calibrations of cameras, from CameraInfo messages."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from perception_kd.geometry.rigid import ROTATION_TOLERANCE, rotation_errors
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

_OPENCV = {"": 5, "plumb_bob": 5, "rational_polynomial": 8}
_FISHEYE = ("equidistant", "fisheye")
_RECTIFIED = re.compile(r"(?:^|[_/])rect(?:ified)?(?:$|[_/])")


@dataclass(frozen=True)
class CameraModel:
    """Calibration of a camera: intrinsics, distortion and rectification.

    Attributes:
        cam2img: Intrinsics in px, shape (3, 3).
        size: Width and height in px of the images that they are of.
        model: "none", "opencv" or "fisheye".
        coefficients: Distortion in OpenCV's order.
        frame2cam: From the frame of the message to the camera, a rotation that is not
            the identity for rectified images only, shape (3, 3).
    """

    cam2img: Array
    size: tuple[int, int]
    model: str
    coefficients: tuple[float, ...]
    frame2cam: Array


def is_rectified(image_topic: str) -> bool:
    """Return whether a topic has undistorted images, by its name."""
    return _RECTIFIED.search(image_topic) is not None


def read_camera_info(message: Any, rectified: bool) -> CameraModel:
    """Read a calibration.

    Args:
        message: A CameraInfo of ROS 1 or ROS 2.
        rectified: Whether it is asked for undistorted images, which have the projection
            matrix as intrinsics and no distortion.

    Raises:
        BrokenFileError: If the camera is not calibrated, or its distortion is unknown.
    """
    values = {name: _numbers(message, name) for name in "dkrp"}
    name = "p" if rectified else "k"
    cam2img = values[name].reshape(3, -1)[:, :3].copy()
    if not np.isfinite(cam2img).all() or cam2img[0, 0] <= 0 or cam2img[1, 1] <= 0:
        raise BrokenFileError(
            f"its matrix {name.upper()} has the focal lengths {cam2img[0, 0]:g}, "
            f"{cam2img[1, 1]:g}: the camera was not calibrated when it was recorded"
        )
    size = int(message.width), int(message.height)
    roi = message.roi
    if roi.width and roi.height:
        cam2img[:2, 2] -= roi.x_offset, roi.y_offset
        size = int(roi.width), int(roi.height)
    model, coefficients = ("none", ()) if rectified else _read_distortion(message, values["d"])
    frame2cam = values["r"].reshape(3, 3) if rectified and values["r"].any() else np.eye(3)
    if not rotation_errors(frame2cam[None])[0] <= ROTATION_TOLERANCE:
        raise BrokenFileError("its matrix R is not a rotation; calibrate the camera")
    return CameraModel(cam2img, size, model, coefficients, frame2cam)


def _numbers(message: Any, name: str) -> Array:
    """Return numbers of a field, which has a capital name in ROS 1."""
    field = name if hasattr(message, name) else name.upper()
    numbers: Array = np.array(getattr(message, field), float)
    return numbers


def _read_distortion(message: Any, numbers: Array) -> tuple[str, tuple[float, ...]]:
    """Return the model and its coefficients."""
    model = str(message.distortion_model)
    if not np.isfinite(numbers).all():
        raise BrokenFileError("its distortion D is not finite; calibrate the camera")
    if not numbers.any() and model not in _FISHEYE:  # those of a fisheye lens distort anyway
        return "none", ()
    count = len(numbers)
    if model in _FISHEYE and count == 4:
        return "fisheye", tuple(numbers.tolist())
    most = _OPENCV.get(model)
    if most is None or count < 4 or numbers[most:].any():
        known = ", ".join(filter(None, [*_OPENCV, *_FISHEYE]))
        raise BrokenFileError(
            f"its distortion_model {model!r} with {count} coefficients is not known; known ones "
            f"are {known} with 4, 5 or 8; rectify the images, or calibrate with one of these"
        )
    kept = numbers[:most]
    return "opencv", tuple(np.pad(kept, (0, most - len(kept))).tolist())
