"""Transforms that drop or shuffle points; pairs, labels and regions follow."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from perception_kd.datasets.transforms.base import (
    RandomTransform,
    Transform,
    check_range,
    count_pairs,
    select_points,
    take_rows,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Array, Indices, Sample


class Cuboid(NamedTuple):
    """An axis-aligned box in current LiDAR coordinates, in m.

    Attributes:
        center: Shape (3,).
        half_size: Half the edge lengths, shape (3,).
    """

    center: Array
    half_size: Array


@TRANSFORMS.register_module()
class DropCuboids(RandomTransform[Cuboid]):
    """Remove the points in a random box if every image keeps enough pairs.

    The box is centered on a random point; its edges are a random fraction of the extent
    of the points, the same fraction along x, y and z, and parallel to the current axes.
    Points strictly inside are removed. Following SLidR, nothing is removed if that
    would leave an image with fewer than ``min_pairs`` pairs. Images without pairs are
    ignored, or one blind camera would disable the transform.

    Reads: ``points``; ``pairing_*``, ``imgs`` where present. Writes: as
    ``select_points``.

    Args:
        max_fraction: Largest edge of the box as a fraction of the extent of the points.
        min_pairs: Number of pairs that every image with pairs must keep. SLidR: 1024.

    Raises:
        ValueError: If ``max_fraction`` is outside [0, 1).
    """

    def __init__(self, max_fraction: float = 0.2, min_pairs: int = 1024) -> None:
        if not 0 <= max_fraction < 1:
            raise ValueError(f"max_fraction must be in [0, 1), but got {max_fraction}.")
        self.max_fraction = max_fraction
        self.min_pairs = min_pairs

    def draw(self, sample: Sample, rng: np.random.Generator) -> Cuboid:
        """Return the box, an empty one where there are no points."""
        positions = sample["points"][:, :3].astype(np.float64)
        if len(positions) == 0:
            return Cuboid(np.zeros(3), np.zeros(3))
        fraction = rng.uniform(0.0, self.max_fraction)
        center = positions[rng.integers(len(positions))]
        return Cuboid(center, np.ptp(positions, axis=0) * fraction / 2)

    def apply(self, sample: Sample, params: Cuboid) -> Sample | None:
        """Return the sample without the points in the box, or unchanged."""
        offset = np.abs(sample["points"][:, :3] - params.center)
        inside = (offset < params.half_size).all(axis=1)
        dropped = select_points(sample, ~inside)
        if dropped is None or self._keeps_enough_pairs(sample, dropped):
            return dropped
        return sample

    def _keeps_enough_pairs(self, before: Sample, after: Sample) -> bool:
        if "pairing_images" not in before:
            return True
        had_pairs = count_pairs(before) > 0
        return bool((count_pairs(after)[had_pairs] >= self.min_pairs).all())


@TRANSFORMS.register_module()
class CropToDisc(Transform):
    """Keep the points in an upright cylinder around the LiDAR.

    A disc rather than the enclosing square, so that no later rotation moves a point out
    of a square grid.

    Reads: ``points``. Writes: as ``select_points``; None if no point is left.

    Args:
        radius: Radius in m, included.
        z_range: Lowest and highest z in m, included.

    Raises:
        ValueError: If the radius is not positive or the heights are not ascending.
    """

    def __init__(self, radius: float, z_range: tuple[float, float]) -> None:
        if radius <= 0:
            raise ValueError(f"radius must be positive, but got {radius}.")
        self.radius = radius
        self.z_range = check_range("z_range", z_range)

    def __call__(self, sample: Sample) -> Sample | None:
        """Return the sample without the points out of range."""
        x, y, z = sample["points"][:, :3].T.astype(np.float64)
        low, high = self.z_range
        return select_points(sample, (x**2 + y**2 <= self.radius**2) & (z >= low) & (z <= high))


@TRANSFORMS.register_module()
class CropToRange(Transform):
    """Keep the points in the range of a voxel grid.

    Reads: ``points``. Writes: as ``select_points``; None if no point is left.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` in m. The
            lower bounds are included, the upper ones are not.

    Raises:
        ValueError: If there are not six bounds or they are not ascending.
    """

    def __init__(self, point_cloud_range: Sequence[float]) -> None:
        bounds = np.asarray(point_cloud_range, dtype=np.float64)
        if bounds.shape != (6,) or not (bounds[:3] < bounds[3:]).all():
            raise ValueError(
                "point_cloud_range must be three lower and three larger upper bounds, but got "
                f"{list(point_cloud_range)}."
            )
        self.lower, self.upper = bounds[:3], bounds[3:]

    def __call__(self, sample: Sample) -> Sample | None:
        """Return the sample without the points out of range."""
        positions = sample["points"][:, :3]
        inside = (positions >= self.lower) & (positions < self.upper)
        return select_points(sample, inside.all(axis=1))


@TRANSFORMS.register_module()
class ShufflePoints(RandomTransform[Indices]):
    """Shuffle the points.

    A voxelizer that keeps the first points per voxel then keeps random points.

    Reads, writes: as ``select_points``.
    """

    def draw(self, sample: Sample, rng: np.random.Generator) -> Indices:
        """Return the current row of each new row, shape (N,)."""
        return rng.permutation(len(sample["points"]))

    def apply(self, sample: Sample, params: Indices) -> Sample:
        """Return the sample with its points in the new order."""
        shuffled = take_rows(sample, params)
        if "pairing_points" in sample:
            shuffled["pairing_points"] = np.argsort(params)[sample["pairing_points"]]
        return shuffled
