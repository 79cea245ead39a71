"""Caches of superpixels from the images of info files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from perception_kd.io.cache import Cache
from perception_kd.io.filler import Filler, InputFile
from perception_kd.io.image_files import read_image
from perception_kd.io.info_file import image_shape, resolve_path
from perception_kd.superpixels.backends import describe_backend, get_backend
from perception_kd.superpixels.codec import (
    EXTENSION,
    KIND,
    encode_superpixels,
    load_superpixels,
    relabel,
)
from perception_kd.superpixels.drawing import draw_borders
from perception_kd.superpixels.settings import SlicSettings
from perception_kd.superpixels.slic import Image


@dataclass(frozen=True)
class ImageFile(InputFile):
    """One image of a data set.

    Attributes:
        key: Token of the image, the name of its entry in a cache.
        path: Path of its file.
        size: Height and width by the info file in px, None if it does not say.
    """

    size: tuple[int, int] | None


class SuperpixelFiller(Filler[ImageFile, Image]):
    """Make superpixels with SLIC.

    Args:
        settings: Settings of SLIC.
    """

    kind = KIND
    extension = EXTENSION
    inputs = "images"

    def __init__(self, settings: SlicSettings) -> None:
        self._settings = settings
        self.made_with = describe_backend(settings.backend)

    @property
    def settings(self) -> SlicSettings:
        """Settings of SLIC."""
        return self._settings

    def read(self, source: ImageFile) -> Image:
        """Read an image, RGB, shape (H, W, 3)."""
        return read_image(source.path, source.size)

    def make(self, data: Image) -> tuple[bytes, int]:
        """Return the superpixels of an image as a PNG, and their number.

        Raises:
            ValueError: If the backend returns segments of another size.
        """
        settings = self.settings
        segment = get_backend(settings.backend)
        segments = segment(data, settings.num_segments, settings.compactness, settings.sigma)
        if segments.shape != data.shape[:2]:
            raise ValueError(
                f"backend {settings.backend} must return segments of shape {data.shape[:2]}, but "
                f"got {segments.shape}."
            )
        superpixels = relabel(segments)
        return encode_superpixels(superpixels), int(superpixels.max()) + 1

    def check(self, cache: Cache, source: ImageFile, data: Image) -> None:
        """Check that a stored entry is whole and has the size of its image."""
        load_superpixels(cache, source.key, _size(data))

    def draw(self, cache: Cache, source: ImageFile, path: Path) -> None:
        """Draw the borders of stored superpixels on their image."""
        image = self.read(source)
        superpixels = load_superpixels(cache, source.key, _size(image))
        cv2.imwrite(str(path), draw_borders(image, superpixels)[..., ::-1])


def list_images(
    info: Mapping[str, Any], data_root: str | Path, cameras: Sequence[str] | None = None
) -> list[ImageFile]:
    """Return the images of an info file.

    Args:
        info: Content of the info file.
        data_root: Folder of the data set.
        cameras: Cameras to use; None uses all.

    Raises:
        ValueError: If a camera is in no sample.
    """
    images = []
    seen = set()
    for sample in info["data_list"]:
        seen |= sample["images"].keys()
        for name, view in sample["images"].items():
            if cameras is None or name in cameras:
                path = resolve_path(info["metainfo"], name, view["img_path"])
                path = os.path.join(data_root, path)
                images.append(ImageFile(view["sample_data_token"], path, image_shape(view)))
    unknown = set(cameras or ()) - seen
    if unknown:
        raise ValueError(f"cameras must be among {sorted(seen)}, but got {sorted(unknown)}.")
    return images


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
