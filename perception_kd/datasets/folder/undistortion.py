"""Images without lens distortion, made once and kept beside the info files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from perception_kd.datasets.folder.calibration import CameraCalibration
from perception_kd.io.atomic import write_json
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image
from perception_kd.io.images import write_image
from perception_kd.io.json_file import read_json
from perception_kd.io.workers import run_jobs
from perception_kd.structures import Array, Image

FOLDER = "undistorted"
SUFFIX = ".jpg"
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 95)
_RECIPE = "calibration.json"


@dataclass(frozen=True)
class Lens:
    """What an image must be undistorted by; hashable, so that maps are made once.

    Attributes:
        model: "opencv" or "fisheye".
        cam2img: Intrinsics of the stored image in px, nine numbers.
        distortion: Coefficients in OpenCV's order.
        size: Width and height in px.
    """

    model: str
    cam2img: tuple[float, ...]
    distortion: tuple[float, ...]
    size: tuple[int, int]

    @classmethod
    def of(cls, calibration: CameraCalibration, size: tuple[int, int]) -> "Lens":
        """Return the lens of a camera."""
        return cls(
            calibration.distortion_model,
            tuple(calibration.cam2img.ravel().tolist()),
            tuple(calibration.distortion.tolist()),
            size,
        )


def new_intrinsics(lens: Lens) -> Array:
    """Return the intrinsics of undistorted images, (3, 3).

    They keep the size, and show as much as fits without pixels that the stored image
    does not have.
    """
    matrix, distortion = np.array(lens.cam2img).reshape(3, 3), np.array(lens.distortion)
    if lens.model == "fisheye":
        new = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            matrix, distortion, lens.size, np.eye(3), balance=0.0
        )
    else:
        new, _ = cv2.getOptimalNewCameraMatrix(matrix, distortion, lens.size, alpha=0.0)
    return np.asarray(new, np.float64)


def undistort(image: Image, lens: Lens) -> Image:
    """Return an image without distortion.

    Args:
        image: RGB, shape (H, W, 3), of the size of the lens.
        lens: The lens.
    """
    map_x, map_y = _maps(lens)
    return np.asarray(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR), np.uint8)


@lru_cache(maxsize=16)
def _maps(lens: Lens) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where each pixel of an undistorted image is in the stored one."""
    matrix, distortion = np.array(lens.cam2img).reshape(3, 3), np.array(lens.distortion)
    init = (
        cv2.fisheye.initUndistortRectifyMap
        if lens.model == "fisheye"
        else cv2.initUndistortRectifyMap
    )
    map_x, map_y = init(
        matrix, distortion, np.eye(3), new_intrinsics(lens), lens.size, cv2.CV_16SC2
    )
    return np.asarray(map_x), np.asarray(map_y)


@dataclass(frozen=True)
class Job:
    """An image to undistort.

    Attributes:
        source: The stored image.
        target: The file to write.
        lens: The lens.
    """

    source: Path
    target: Path
    lens: Lens


def undistort_all(jobs: Sequence[Job], workers: int, *, progress: bool) -> int:
    """Write the undistorted images that are not there yet.

    Images that were made with another calibration are made again. After a stop, the
    same call makes the rest.

    Args:
        jobs: The images.
        workers: Number of processes; 0 uses this one.
        progress: Whether to show a progress bar.

    Returns:
        Number of images that were made.

    Raises:
        BrokenFileError: If an image cannot be read.
    """
    recipes = {job.target.parent: job.lens for job in jobs}
    kept = {folder for folder, lens in recipes.items() if _is_made_with(folder, lens)}
    missing = [job for job in jobs if job.target.parent not in kept or not job.target.is_file()]
    for folder, lens in recipes.items():
        if folder not in kept:
            _begin(folder, lens)
    with tqdm(desc="undistorted images", total=len(missing), disable=not progress) as bar:
        for _ in run_jobs(_run, missing, workers):
            bar.update()
    return len(missing)


def _run(job: Job) -> None:
    width, height = job.lens.size
    image = read_image(job.source, (height, width))
    write_image(job.target, undistort(image, job.lens), _QUALITY)


def _is_made_with(folder: Path, lens: Lens) -> bool:
    try:
        return bool(read_json(folder / _RECIPE, "") == _as_json(lens))
    except (FileNotFoundError, BrokenFileError):
        return False


def _begin(folder: Path, lens: Lens) -> None:
    """Empty a folder of images made with another calibration, and note this one."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if files and not (folder / _RECIPE).is_file():
        raise ValueError(
            f"{files[0]} and its neighbors were not made by this command; choose another --out-dir."
        )
    for path in files:
        path.unlink()
    write_json(folder / _RECIPE, _as_json(lens))


def _as_json(lens: Lens) -> dict[str, object]:
    return {
        "model": lens.model,
        "cam2img": list(lens.cam2img),
        "distortion": list(lens.distortion),
        "size": list(lens.size),
    }
