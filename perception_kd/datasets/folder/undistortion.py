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

UNDISTORTED_FOLDER = "undistorted"
SUFFIX = ".jpg"
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 95)
_RECIPE = "calibration.json"
# Focal lengths of undistorted images, in those of the stored ones.
_SHORTEST, _LONGEST = 0.1, 4.0
_NUM_HALVINGS = 30


@dataclass(frozen=True)
class Lens:
    """Distortion of an image; hashable, so that maps are made once.

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

    They keep the size and the principal point, and have the shortest focal length that
    leaves no pixel without a place in the stored image. OpenCV's own choice inverts the
    distortion by iteration, which does not converge for wide lenses.

    Raises:
        ValueError: If there is no such focal length.
    """
    longest, shortest = _LONGEST, _SHORTEST
    if not _fits(lens, longest):
        raise ValueError("no view without distortion fits into the image")
    for _ in range(_NUM_HALVINGS):
        middle = (longest * shortest) ** 0.5
        longest, shortest = (middle, shortest) if _fits(lens, middle) else (longest, middle)
    return _scaled(lens, longest)


def _scaled(lens: Lens, factor: float) -> Array:
    matrix = np.array(lens.cam2img).reshape(3, 3)
    matrix[[0, 0, 1], [0, 1, 1]] *= factor
    return matrix


def _fits(lens: Lens, factor: float) -> bool:
    """Return whether all pixels of a view have different places in the stored image."""
    width, height = lens.size
    pixels = np.stack(
        np.meshgrid(np.linspace(0, width - 1, 33), np.linspace(0, height - 1, 25), [1.0])
    ).reshape(3, -1)
    rays = (np.linalg.inv(_scaled(lens, factor)) @ pixels).T
    places = distort(rays, lens).reshape(25, 33, 2)
    inside = (places >= -0.5) & (places <= np.array(lens.size) - 0.5)
    across, along = np.diff(places, axis=1)[:-1], np.diff(places, axis=0)[:, :-1]
    turns = across[..., 0] * along[..., 1] - across[..., 1] * along[..., 0]
    return bool(inside.all() and (turns > 0).all())


def distort(rays: Array, lens: Lens) -> Array:
    """Return the pixels of rays in the stored image, (N, 2) in px.

    Args:
        rays: Points before the camera in its coordinates, (N, 3).
        lens: The lens.
    """
    matrix, distortion = np.array(lens.cam2img).reshape(3, 3), np.array(lens.distortion)
    project = cv2.fisheye.projectPoints if lens.model == "fisheye" else cv2.projectPoints
    places, _ = project(rays[:, None], np.zeros(3), np.zeros(3), matrix, distortion)
    return np.asarray(places, np.float64).reshape(-1, 2)


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
    """Return the position in the stored image of each pixel of the undistorted one."""
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

    Images that were made with another calibration, or before the stored image was last
    changed, are made again. After a stop, the same call makes the rest.

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
    missing = [job for job in jobs if job.target.parent not in kept or not _is_current(job)]
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


def _is_current(job: Job) -> bool:
    """Return whether a target is there and not older than its source."""
    try:
        return job.target.stat().st_mtime >= job.source.stat().st_mtime
    except FileNotFoundError:
        return False


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
