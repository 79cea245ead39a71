"""Files of SemanticKITTI's sequences."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from perception_kd.geometry.rigid import (
    ROTATION_TOLERANCE,
    invert_rigid,
    make_rigid,
    rotation_errors,
)
from perception_kd.io.bounded import read_bounded
from perception_kd.structures import Array

_LARGEST = 1e15


class SequenceCalibration(NamedTuple):
    """Calibration of the LiDAR and the left color camera of a sequence.

    Attributes:
        lidar2cam0: From the LiDAR to the left gray camera, whose coordinates poses
            have, (4, 4).
        lidar2cam: From the LiDAR to the left color camera, (4, 4).
        cam2img: Intrinsics of the left color camera in px, (3, 3).
    """

    lidar2cam0: Array
    lidar2cam: Array
    cam2img: Array


def find_root(root: str | Path) -> Path:
    """Return the folder that has ``sequences``: ``root`` itself or its ``dataset``.

    Raises:
        FileNotFoundError: If neither has.
    """
    for candidate in (Path(root).absolute(), Path(root).absolute() / "dataset"):
        if (candidate / "sequences").is_dir():
            return candidate
    raise FileNotFoundError(
        f"--root must have a folder sequences or dataset/sequences, but {root} has neither; "
        "give another --root."
    )


def read_calibration(path: Path) -> SequenceCalibration:
    """Read ``calib.txt`` of a sequence.

    ``Tr`` maps the LiDAR to camera 0. The fourth column of ``P2 = K [I | t]`` gives the
    position of camera 2 beside it: ``t = inv(K) @ P2[:, 3]``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If P2 or Tr is missing or does not have twelve numbers.
    """
    rows = {}
    for line in _read_lines(path):
        name, _, row = line.partition(":")
        rows[name.strip()] = row
    projection, tr = (
        _parse_numbers(rows.get(name, ""), 12, f"{name} of {path}").reshape(3, 4)
        for name in ("P2", "Tr")
    )
    _check_rotation(tr, f"Tr of {path}")
    if not abs(np.linalg.det(projection[:, :3])) > 0:
        raise ValueError(f"P2 of {path} cannot be inverted; unpack it again.")
    lidar2cam0 = np.vstack([tr, [0, 0, 0, 1]])
    cam2img = projection[:, :3]
    cam0_to_cam = make_rigid(np.eye(3), np.linalg.solve(cam2img, projection[:, 3]))
    return SequenceCalibration(lidar2cam0, cam0_to_cam @ lidar2cam0, cam2img)


def read_poses(path: Path, lidar2cam0: Array) -> list[Array] | None:
    """Read ``poses.txt`` of a sequence as poses of the LiDAR.

    Args:
        path: Poses of camera 0 in the first frame's camera 0, twelve numbers per line.
        lidar2cam0: From the LiDAR to camera 0, shape (4, 4).

    Returns:
        By frame, from the LiDAR to the first frame's LiDAR, shape (4, 4); None if there
        is no such file.

    Raises:
        ValueError: If a line has not twelve numbers.
    """
    if not path.is_file():
        return None
    poses = []
    for number, line in enumerate(_read_lines(path)):
        where = f"Line {number + 1} of {path}"
        pose = _parse_numbers(line, 12, where).reshape(3, 4)
        _check_rotation(pose, where)
        cam02first = np.vstack([pose, [0, 0, 0, 1]])
        poses.append(invert_rigid(lidar2cam0) @ cam02first @ lidar2cam0)
    return poses


def read_times(path: Path) -> list[float]:
    """Read ``times.txt`` of a sequence: seconds since the first frame.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not one number.
    """
    lines = enumerate(_read_lines(path))
    return [_parse_numbers(line, 1, f"Line {i + 1} of {path}").item() for i, line in lines]


def list_scans(root: Path, sequence: int) -> list[Path]:
    """Return the files of a sequence's scans, in order."""
    # Archives from a Mac also have files named ._000000.bin.
    folder = root / "sequences" / f"{sequence:02d}" / "velodyne"
    return sorted(path for path in folder.glob("[0-9]*.bin") if path.stem.isdecimal())


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(
            f"A sequence must have {path.name}, but there is no {path}; unpack the calibration of "
            "KITTI odometry there."
        )
    try:
        data = read_bounded(path, path.name, "unpack it again.")
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text; unpack it again.") from error
    return [line for line in lines if line.strip()]


def _check_rotation(matrix: Array, where: str) -> None:
    """Check that the first three columns of a (3, 4) matrix are a rotation."""
    if not rotation_errors(matrix[None, :, :3])[0] <= ROTATION_TOLERANCE:
        raise ValueError(f"{where} must begin with a rotation matrix; unpack it again.")


def _parse_numbers(text: str, count: int, where: str) -> Array:
    try:
        numbers = np.array(text.split(), dtype=float)
    except ValueError:
        numbers = np.zeros(0)
    if numbers.size != count or not (np.abs(numbers) < _LARGEST).all():
        found = text.strip()[:60]
        raise ValueError(
            f"{where} must be {count} finite numbers, but it is {found!r}; unpack it again."
        )
    return numbers
