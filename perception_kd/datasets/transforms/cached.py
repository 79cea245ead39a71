"""What transforms share that read entries of a cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perception_kd.datasets.transforms.base import Sample, Transform
from perception_kd.io.cache import Cache


class CachedTransform(Transform):
    """A transform that reads entries of a cache, opened when the first sample comes.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        settings: Settings that the cache must have been made with; those left out may
            be anything. None accepts every cache of this kind.

    Attributes:
        kind: What the cache must hold.
    """

    kind: str

    def __init__(self, cache: str, settings: Mapping[str, Any] | None = None) -> None:
        self.cache = cache
        self.settings = settings
        self._opened: dict[str, Cache] = {}

    def open_cache(self, sample: Sample) -> Cache:
        """Return the cache of a sample's data set.

        Raises:
            ValueError: If there is no such cache, or it has other settings.
        """
        folder = Path(sample["info_root"]) / self.cache
        if str(folder) not in self._opened:
            try:
                self._opened[str(folder)] = Cache.open(folder, self.kind, self.settings)
            except FileNotFoundError as error:
                # Not one sample lacks a file: all do, and skipping them would hide why.
                raise ValueError(f"cache must be a folder of {self.kind}, but: {error}") from error
        return self._opened[str(folder)]
