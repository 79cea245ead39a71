"""Images with the sweep that they are paired with, from info files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.geometry.projection import project_points
from perception_kd.io.image_files import read_image
from perception_kd.io.info_fields import read_matrix
from perception_kd.io.info_file import name_entry
from perception_kd.io.input_file import InputFile
from perception_kd.io.listed_files import ImageFile, SweepFile, list_images, list_sweeps
from perception_kd.regions.joint.pieces import ViewPairs
from perception_kd.structures import Array, Image, Points


@dataclass(frozen=True, eq=False)
class PairedImage(ImageFile):
    """One image and its sweep.

    Attributes:
        key: Token of the image, the name of its entry in a cache.
        path: Path of its file.
        size: Height and width by the info file in px, None if it does not say.
        sweep: The sweep of its sample.
        lidar2cam: From the LiDAR to the camera, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
    """

    sweep: SweepFile
    lidar2cam: Array
    cam2img: Array

    def read(self) -> Image:
        """Read the image, RGB, shape (H, W, 3)."""
        return read_image(self.path, self.size)

    def pair(self, points: Points, img_shape: tuple[int, int]) -> ViewPairs:
        """Pair points (N, F) with pixels, as ``PairPointsWithPixels`` does."""
        positions = points[:, :3].astype(np.float64)
        projection = project_points(positions, self.lidar2cam, self.cam2img, img_shape)
        rows = np.flatnonzero(projection.visible)
        cols_rows = np.rint(projection.pixels[rows]).astype(np.int64)
        return ViewPairs(rows, cols_rows[:, ::-1])


@dataclass(frozen=True, eq=False)
class ViewedSweep(SweepFile):
    """One sweep and the images that are paired with it.

    Attributes:
        key: Token of its sample, the name of its entry in a cache.
        path: Path of its file.
        scene: Name of its scene.
        layout: Layout of the file.
        views: The images of its sample.
    """

    views: tuple[PairedImage, ...]


def sweep_key(source: InputFile) -> str:
    """Return the key of the sweep that an image or a sweep belongs to.

    Args:
        source: A :class:`PairedImage` or :class:`ViewedSweep`.
    """
    return source.sweep.key if isinstance(source, PairedImage) else source.key


def list_viewed_sweeps(
    info_file: str | Path,
    info: Mapping[str, Any],
    data_root: str | Path,
    cameras: Sequence[str] | None = None,
) -> list[ViewedSweep]:
    """Return the sweep of each sample of an info file, with its images.

    Args:
        info_file: Path of the info file, for errors.
        info: Its content.
        data_root: Folder of the data set.
        cameras: Cameras to use; None uses all.

    Raises:
        ValueError: If a field is wrong, a camera is in no sample, or there is no image.
    """
    # In the order of the samples, and of the cameras of each.
    images = iter(list_images(info_file, info, data_root, cameras))
    viewed = []
    sweeps = list_sweeps(info_file, info, data_root)
    for index, (sample, sweep) in enumerate(zip(info["data_list"], sweeps, strict=True)):
        with name_entry(info_file, info, index):
            views = tuple(
                _pair_up(next(images), view, sweep)
                for camera, view in sample["images"].items()
                if cameras is None or camera in cameras
            )
        viewed.append(ViewedSweep(sweep.key, sweep.path, sweep.scene, sweep.layout, views))
    return viewed


def _pair_up(image: ImageFile, view: Mapping[str, Any], sweep: SweepFile) -> PairedImage:
    return PairedImage(
        image.key,
        image.path,
        image.size,
        sweep,
        read_matrix(view, "lidar2cam", (4, 4)),
        read_matrix(view, "cam2img", (3, 3)),
    )
