"""Regions of a sample's points, from a cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.caches import Cache
from perception_kd.datasets.region_ids import KIND, load_region_ids
from perception_kd.datasets.transforms.base import Sample, Transform
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadRegions(Transform):
    """Load the region of each point of the sample's own sweep.

    Points of earlier sweeps are in no region: regions are made from one sweep.

    Reads: ``info_root``, ``sample_token``, ``lidar_path``, ``num_pts_feats``,
    ``original_points``. Writes: ``region_ids``.

    Args:
        cache: Folder of the cache, relative to ``info_root``.
        settings: Settings that the cache must have been made with; those left out may
            be anything. None accepts every cache of regions.
    """

    def __init__(self, cache: str, settings: Mapping[str, Any] | None = None) -> None:
        self.cache = cache
        self.settings = settings
        self._opened: dict[str, Cache] = {}

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with the region of each point, -1 where it is in none.

        Raises:
            FileNotFoundError: If the cache lacks the sample.
            BrokenFileError: If an entry is broken or has not one id a point.
            ValueError: If there is no such cache, or it has other settings.
        """
        cache = self._open(Path(sample["info_root"]) / self.cache)
        num_bytes = Path(sample["lidar_path"]).stat().st_size
        num_points = num_bytes // (4 * sample["num_pts_feats"])
        stored = np.maximum(load_region_ids(cache, sample["sample_token"], num_points), -1)
        row = sample["original_points"]
        return {**sample, "region_ids": np.where(row >= 0, stored[row], np.int32(-1))}

    def _open(self, folder: Path) -> Cache:
        if str(folder) not in self._opened:
            try:
                self._opened[str(folder)] = Cache.open(folder, KIND, self.settings)
            except FileNotFoundError as error:
                # Not one sample lacks a file: all do, and skipping them would hide why.
                raise ValueError(f"cache must be a folder of regions, but: {error}") from error
        return self._opened[str(folder)]
