"""Caches of the regions of both sensors, as superpixels and as regions of points."""

from pathlib import Path
from typing import NamedTuple

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker
from perception_kd.io.caches.origin import Origin
from perception_kd.io.point_files.readers import read_points
from perception_kd.regions import codec as regions
from perception_kd.regions.create import RegionMaker
from perception_kd.regions.joint.pieces import (
    Pieces,
    ViewPairs,
    gather_point_regions,
    label_points,
    split_superpixels,
)
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.joint.sources import PairedImage, ViewedSweep
from perception_kd.structures import Image, Points
from perception_kd.superpixels import codec as superpixels
from perception_kd.superpixels.create import SuperpixelMaker, segment_image


class PairedData(NamedTuple):
    """An image and the points of its sweep."""

    image: Image
    points: Points
    pairs: ViewPairs


class ViewedData(NamedTuple):
    """The points of a sweep and the images of its sample."""

    points: Points
    images: tuple[PairedData, ...]


class PieceMaker(CacheEntryMaker[PairedImage, PairedData]):
    """Make the pieces of images, stored as superpixels.

    Args:
        settings: Settings of superpixels, clusters and pieces.
    """

    kind = superpixels.SUPERPIXELS
    extension = superpixels.SUPERPIXELS_EXTENSION
    inputs = "images"

    def __init__(self, settings: JointSettings) -> None:
        self._settings = settings
        self._whole = SuperpixelMaker(settings.slic)
        self.made_with = self._whole.made_with

    @property
    def settings(self) -> JointSettings:
        """Settings of superpixels, clusters and pieces."""
        return self._settings

    def read(self, source: PairedImage) -> PairedData:
        """Read an image and its sweep."""
        return _read_pair(source, _read_sweep(source))

    def make(self, data: PairedData) -> tuple[bytes, int]:
        """Return the pieces of an image as a PNG, and their number."""
        labels = label_points(data.points, self.settings)
        pieces = find_pieces(data, labels, self.settings)
        number = int(pieces.superpixels.max(initial=-1)) + 1
        return superpixels.encode_superpixels(pieces.superpixels), number

    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return a PNG with a text that says what it was made from."""
        return self._whole.mark(entry, origin)

    def check(self, cache: Cache, source: PairedImage, data: PairedData) -> None:
        """Check that a stored entry is whole, and of this image."""
        self._whole.check(cache, source, data.image)

    def draw(self, cache: Cache, source: PairedImage, path: Path) -> None:
        """Draw the borders of stored pieces on their image."""
        self._whole.draw(cache, source, path)


class PointPieceMaker(CacheEntryMaker[ViewedSweep, ViewedData]):
    """Make the pieces of sweeps, stored as regions of points.

    Args:
        settings: Settings of superpixels, clusters and pieces.
    """

    kind = regions.REGIONS
    extension = regions.REGIONS_EXTENSION
    inputs = "sweeps"
    made_with = RegionMaker.made_with

    def __init__(self, settings: JointSettings) -> None:
        self._settings = settings
        self._alone = RegionMaker(settings.ground)

    @property
    def settings(self) -> JointSettings:
        """Settings of superpixels, clusters and pieces."""
        return self._settings

    def read(self, source: ViewedSweep) -> ViewedData:
        """Read a sweep and the images of its sample."""
        points = self._alone.read(source)
        return ViewedData(points, tuple(_read_pair(view, points) for view in source.views))

    def make(self, data: ViewedData) -> tuple[bytes, int]:
        """Return the region of each point as an archive, and their number."""
        labels = label_points(data.points, self.settings)
        views = [(view.pairs, find_pieces(view, labels, self.settings)) for view in data.images]
        region_ids = gather_point_regions(labels, views, self.settings.min_piece_points)
        return regions.encode_region_ids(region_ids), int(region_ids.max(initial=-1)) + 1

    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return an archive that says what it was made from."""
        return self._alone.mark(entry, origin)

    def check(self, cache: Cache, source: ViewedSweep, data: ViewedData) -> None:
        """Check that a stored entry is whole, and of this sweep."""
        self._alone.check(cache, source, data.points)

    def draw(self, cache: Cache, source: ViewedSweep, path: Path) -> None:
        """Draw a sweep from above with the stored regions."""
        self._alone.draw(cache, source, path)


def find_pieces(data: PairedData, labels: regions.RegionIds, settings: JointSettings) -> Pieces:
    """Return the pieces of one image.

    Args:
        data: The image, the sweep and their pairs.
        labels: Results of :func:`~.pieces.label_points` for the sweep, shape (N,).
        settings: Settings of superpixels and pieces.
    """
    whole = segment_image(data.image, settings.slic)
    return split_superpixels(
        whole, data.pairs.rows_cols, labels[data.pairs.points], settings.min_piece_points
    )


def _read_sweep(source: PairedImage) -> Points:
    return read_points(source.sweep.path, source.sweep.layout, check_layout=True)


def _read_pair(source: PairedImage, points: Points) -> PairedData:
    image = source.read()
    return PairedData(image, points, source.pair(points, (image.shape[0], image.shape[1])))
