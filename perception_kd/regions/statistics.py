"""Statistics of regions: their number and size, and the reasons of other points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion, RegionIds


@dataclass(frozen=True)
class RegionStatistics:
    """Statistics of the regions of one scene or several.

    Attributes:
        name: Name of the scene.
        num_sweeps: Number of sweeps.
        num_points: Number of points in all sweeps.
        num_without: Number of points in no region, by reason.
        sizes: Number of points of each region, shape (R,).
    """

    name: str
    num_sweeps: int
    num_points: int
    num_without: dict[NoRegion, int]
    sizes: NDArray[np.int64]

    @property
    def regions_per_sweep(self) -> float:
        """Mean number of regions per sweep."""
        return len(self.sizes) / max(self.num_sweeps, 1)

    @property
    def share_in_regions(self) -> float:
        """Share of the points that are in a region, 0..1."""
        return float(self.sizes.sum()) / max(self.num_points, 1)

    @property
    def median_size(self) -> float:
        """Median number of points of a region; 0 without regions."""
        return float(np.median(self.sizes)) if len(self.sizes) else 0.0

    def share_without(self, reason: NoRegion) -> float:
        """Return the share of the points that are in no region for a reason, 0..1."""
        return self.num_without[reason] / max(self.num_points, 1)

    def describe(self) -> str:
        """Return one line of text."""
        return (
            f"{self.name}: {self.num_sweeps} sweeps, {self.regions_per_sweep:.1f} regions each of "
            f"{self.median_size:.0f} points (median); {self.share_in_regions:.1%} of the points "
            f"in regions, {self.share_without(NoRegion.GROUND):.1%} ground"
        )


def count_regions(name: str, sweeps: Iterable[RegionIds]) -> RegionStatistics:
    """Count the regions of sweeps.

    Args:
        name: Name of the scene.
        sweeps: Results of :func:`~perception_kd.regions.segmentation.make_regions`,
            each of shape (N,).
    """
    sizes = [np.zeros(0, dtype=np.int64)]
    num_without = dict.fromkeys(NoRegion, 0)
    num_points = 0
    for region_ids in sweeps:
        num_points += len(region_ids)
        sizes.append(np.bincount(region_ids[region_ids >= 0]))
        for reason in NoRegion:
            num_without[reason] += int((region_ids == reason).sum())
    return RegionStatistics(
        name, len(sizes) - 1, num_points, num_without, np.concatenate(sizes).astype(np.int64)
    )


def add_statistics(name: str, parts: Sequence[RegionStatistics]) -> RegionStatistics:
    """Return the sum of the statistics of scenes.

    Args:
        name: Name of the sum.
        parts: One per scene.
    """
    return RegionStatistics(
        name,
        sum(part.num_sweeps for part in parts),
        sum(part.num_points for part in parts),
        {reason: sum(part.num_without[reason] for part in parts) for reason in NoRegion},
        np.concatenate([np.zeros(0, dtype=np.int64), *(part.sizes for part in parts)]),
    )
