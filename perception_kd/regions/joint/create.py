"""Caches of the regions of both sensors, as superpixels and as regions of points."""

from pathlib import Path

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker
from perception_kd.io.caches.origin import Origin
from perception_kd.regions import codec as regions
from perception_kd.regions.create import RegionMaker
from perception_kd.regions.joint.pieces import gather_point_regions
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.joint.sources import PairedImage, ViewedSweep
from perception_kd.regions.joint.sweep_data import PairedData, SweepReader, ViewedData
from perception_kd.superpixels import codec as superpixels
from perception_kd.superpixels.create import SuperpixelMaker


class PieceMaker(CacheEntryMaker[PairedImage, PairedData]):
    """Make the pieces of images, stored as superpixels.

    Args:
        reader: Reads what both kinds of entries of a sweep share, also their settings.
    """

    kind = superpixels.SUPERPIXELS
    extension = superpixels.SUPERPIXELS_EXTENSION
    inputs = "images"

    def __init__(self, reader: SweepReader) -> None:
        self._reader = reader
        self._whole = SuperpixelMaker(reader.settings.slic)
        self.made_with = self._whole.made_with

    @property
    def settings(self) -> JointSettings:
        """Settings of superpixels, clusters and pieces."""
        return self._reader.settings

    def read(self, source: PairedImage) -> PairedData:
        """Read an image and its sweep."""
        return self._reader.read_pair(source)

    def make(self, data: PairedData) -> tuple[bytes, int]:
        """Return the pieces of an image as a PNG, and their number."""
        pieces = data.pieces.superpixels
        return superpixels.encode_superpixels(pieces), int(pieces.max(initial=-1)) + 1

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
        reader: Reads what both kinds of entries of a sweep share, also their settings.
    """

    kind = regions.REGIONS
    extension = regions.REGIONS_EXTENSION
    inputs = "sweeps"
    made_with = RegionMaker.made_with

    def __init__(self, reader: SweepReader) -> None:
        self._reader = reader
        self._alone = RegionMaker(reader.settings.ground)

    @property
    def settings(self) -> JointSettings:
        """Settings of superpixels, clusters and pieces."""
        return self._reader.settings

    def read(self, source: ViewedSweep) -> ViewedData:
        """Read a sweep and the images of its sample."""
        sweep = self._reader.read_sweep(source)
        return ViewedData(sweep, tuple(map(self._reader.read_pair, source.views)))

    def make(self, data: ViewedData) -> tuple[bytes, int]:
        """Return the region of each point as an archive, and their number."""
        views = [(view.pairs, view.pieces) for view in data.images]
        least = self.settings.min_piece_points
        region_ids = gather_point_regions(data.sweep.labels, views, least)
        return regions.encode_region_ids(region_ids), int(region_ids.max(initial=-1)) + 1

    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return an archive that says what it was made from."""
        return self._alone.mark(entry, origin)

    def check(self, cache: Cache, source: ViewedSweep, data: ViewedData) -> None:
        """Check that a stored entry is whole, and of this sweep."""
        self._alone.check(cache, source, data.sweep.points)

    def draw(self, cache: Cache, source: ViewedSweep, path: Path) -> None:
        """Draw a sweep from above with the stored regions."""
        self._alone.draw(cache, source, path)
