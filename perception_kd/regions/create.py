"""Caches of regions from the sweeps of info files."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker
from perception_kd.io.caches.origin import Origin, check_digest, load_origin
from perception_kd.io.listed_files import SweepFile
from perception_kd.io.point_files.readers import count_stored_points, read_points
from perception_kd.regions.codec import (
    REGIONS,
    REGIONS_EXTENSION,
    add_origin,
    encode_region_ids,
    load_region_ids,
    read_origin,
)
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.regions.statistics import RegionStatistics, count_regions
from perception_kd.structures import Points
from perception_kd.version import __version__


class RegionMaker(CacheEntryMaker[SweepFile, Points]):
    """Find the regions of sweeps.

    Args:
        settings: How to find regions.
    """

    kind = REGIONS
    extension = REGIONS_EXTENSION
    inputs = "sweeps"
    made_with = f"perception_kd {__version__}"

    def __init__(self, settings: RegionSettings) -> None:
        self._settings = settings

    @property
    def settings(self) -> RegionSettings:
        """Settings of the segmentation."""
        return self._settings

    def read(self, source: SweepFile) -> Points:
        """Read the points of a sweep, shape (N, F)."""
        return read_points(source.path, source.layout, check_layout=True)

    def make(self, data: Points) -> tuple[bytes, int]:
        """Return the region ids of points as a compressed archive, and their number."""
        region_ids = make_regions(data, self.settings)
        return encode_region_ids(region_ids), int(region_ids.max(initial=-1)) + 1

    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return an archive that says what it was made from."""
        return add_origin(entry, origin)

    def check(self, cache: Cache, source: SweepFile, data: Points) -> None:
        """Check that a stored entry is whole, and of this sweep."""
        load_region_ids(cache, source.key, len(data), source.path)
        origin = load_origin(cache, source.key, read_origin)
        check_digest(origin, cache.path(source.key), source.path)

    def draw(self, cache: Cache, source: SweepFile, path: Path) -> None:
        """Draw a sweep from above with the stored regions."""
        # Imported here: matplotlib is of no use to worker processes.
        from perception_kd.regions.drawing import draw_regions

        points = self.read(source)
        region_ids = load_region_ids(cache, source.key, len(points))
        draw_regions(points, region_ids, path, f"{source.scene}, {source.key}")


def collect_statistics(cache: Cache, sweeps: Sequence[SweepFile]) -> Iterator[RegionStatistics]:
    """Yield the statistics of each scene, in the order of their names.

    Args:
        cache: Cache of regions, with an entry for each sweep.
        sweeps: Sweeps whose regions to count.

    Raises:
        BrokenFileError: If an entry is broken.
    """
    by_scene = sorted(sweeps, key=lambda sweep: sweep.scene)
    for scene, members in groupby(by_scene, key=lambda sweep: sweep.scene):
        loaded = (
            load_region_ids(cache, sweep.key, count_stored_points(sweep.path, sweep.layout))
            for sweep in members
        )
        yield count_regions(scene, loaded)
