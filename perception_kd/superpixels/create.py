"""Caches of superpixels from the images of info files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker
from perception_kd.io.caches.origin import Origin, check_digest, load_origin
from perception_kd.io.image_files import read_image
from perception_kd.io.images import write_image
from perception_kd.io.listed_files import ImageFile
from perception_kd.structures import Image
from perception_kd.superpixels.backends import describe_backend, get_backend
from perception_kd.superpixels.codec import (
    SUPERPIXELS,
    SUPERPIXELS_EXTENSION,
    add_origin,
    encode_superpixels,
    load_superpixels,
    read_origin,
    relabel,
)
from perception_kd.superpixels.drawing import draw_borders
from perception_kd.superpixels.settings import SlicSettings


class SuperpixelMaker(CacheEntryMaker[ImageFile, Image]):
    """Make superpixels with SLIC.

    Args:
        settings: Settings of SLIC.
    """

    kind = SUPERPIXELS
    extension = SUPERPIXELS_EXTENSION
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
            ValueError: If the backend returns segments of another size, or none.
        """
        superpixels = relabel(segment_image(data, self.settings))
        num_superpixels = int(superpixels.max(initial=-1)) + 1
        if num_superpixels == 0:
            raise ValueError(
                f"backend {self.settings.backend} must return segments from 0, but got none for an "
                f"image of {data.shape[:2]} px; check that backend, or use another --backend."
            )
        return encode_superpixels(superpixels), num_superpixels

    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return a PNG with a text that says what it was made from."""
        return add_origin(entry, origin)

    def check(self, cache: Cache, source: ImageFile, data: Image) -> None:
        """Check that a stored entry is whole, and of this image."""
        load_superpixels(cache, source.key, _size(data), source.path)
        origin = load_origin(cache, source.key, read_origin)
        check_digest(origin, cache.path(source.key), source.path)

    def draw(self, cache: Cache, source: ImageFile, path: Path) -> None:
        """Draw the borders of stored superpixels on their image."""
        image = self.read(source)
        superpixels = load_superpixels(cache, source.key, _size(image))
        write_image(path, draw_borders(image, superpixels))


def segment_image(image: Image, settings: SlicSettings) -> NDArray[np.integer[Any]]:
    """Segment an image by the backend of the settings.

    Args:
        image: RGB, shape (H, W, 3).
        settings: Settings of SLIC.

    Returns:
        Ids as the backend has them, shape (H, W), negative for no segment.

    Raises:
        ValueError: If the backend returns segments of another size.
    """
    segment = get_backend(settings.backend)
    segments = segment(image, settings.num_segments, settings.compactness, settings.sigma)
    if segments.shape != image.shape[:2]:
        raise ValueError(
            f"backend {settings.backend} must return segments of shape {image.shape[:2]}, but "
            f"got {segments.shape}."
        )
    return segments


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
