"""Regions of a sample's points, from a cache."""

import numpy as np

from perception_kd.datasets.transforms.base import Sample
from perception_kd.datasets.transforms.cached import CachedTransform
from perception_kd.io.readers import count_stored_points
from perception_kd.regions.codec import KIND, load_region_ids
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadRegions(CachedTransform):
    """Load the region of each point of the sample's own sweep.

    Points of earlier sweeps are in no region: regions are made from one sweep.

    Reads: ``info_root``, ``sample_token``, ``lidar_path``, ``num_pts_feats``,
    ``original_points``. Writes: ``region_ids``.

    Args:
        cache, settings: As in :class:`~.cached.CachedTransform`.
    """

    kind = KIND

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with the region of each point, -1 where it is in none.

        Raises:
            FileNotFoundError: If the cache lacks the sample.
            BrokenFileError: If an entry is broken or has not one id a point.
            ValueError: If there is no such cache, or it has other settings.
        """
        cache = self.open_cache(sample)
        num_points = count_stored_points(sample["lidar_path"], sample["num_pts_feats"])
        stored = np.maximum(load_region_ids(cache, sample["sample_token"], num_points), -1)
        row = sample["original_points"]
        return {**sample, "region_ids": np.where(row >= 0, stored[row], np.int32(-1))}
