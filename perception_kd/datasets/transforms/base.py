"""Base classes of transforms, and selection of points with all that belongs to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast, get_args

import numpy as np

from perception_kd.structures import Indices, Mask, PointKey, Sample

ParamsT = TypeVar("ParamsT")

# Keys with one row per point.
POINT_KEYS: tuple[PointKey, ...] = get_args(PointKey)


class Transform(ABC):
    """A step of a pipeline.

    It returns a new sample, or None if nothing is left to learn from: the dataset then
    counts the sample and takes another one. It never modifies its input, nor an array
    in it. Keys are those of ``docs/sample.md``.

    Attributes:
        metainfo: What the transform adds to the ``metainfo`` of its data set.
    """

    metainfo: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def __call__(self, sample: Sample) -> Sample | None:
        """Return the transformed sample."""


class RandomTransform(Transform, Generic[ParamsT]):
    """A transform that draws its parameters once and then applies them."""

    def __call__(self, sample: Sample) -> Sample | None:
        """Draw from the sample's own generator, then apply."""
        return self.apply(sample, self.draw(sample, sample["rng"]))

    @abstractmethod
    def draw(self, sample: Sample, rng: np.random.Generator) -> ParamsT:
        """Return random parameters for a sample; ``rng`` is used nowhere else."""

    @abstractmethod
    def apply(self, sample: Sample, params: ParamsT) -> Sample | None:
        """Return the sample transformed with these parameters."""


def take_rows(sample: Sample, rows: Indices | Mask) -> Sample:
    """Return a new sample with these rows of everything that has one row per point.

    Pairs do not follow.

    Args:
        sample: The sample; it is not modified.
        rows: Rows of ``points``, or whether to keep each of them, shape (N,).

    Raises:
        ValueError: If the sample has ``sampled_points``, which would name other points.
    """
    if "sampled_points" in sample:
        raise ValueError(
            "Points were dropped or shuffled after SampleRegionPoints drew from them; put "
            "SampleRegionPoints directly before packing."
        )
    taken = {key: sample[key][rows] for key in POINT_KEYS if key in sample}
    return cast(Sample, {**sample, **taken})


def select_points(sample: Sample, keep: Mask) -> Sample | None:
    """Drop points together with their pairs, labels and regions.

    Reads: ``points``, ``original_points``; ``pairing_points``, ``pairing_images``,
    ``pts_semantic_mask`` and ``region_ids`` where present. Writes: the same.

    Args:
        sample: The sample; it is not modified.
        keep: Whether to keep each point, shape (N,).

    Returns:
        A new sample; None if no point is left.
    """
    if not keep.any():
        return None
    selected = take_rows(sample, keep)
    if "pairing_points" in sample:
        new_row = np.cumsum(keep) - 1
        selected = select_pairs(selected, keep[sample["pairing_points"]])
        selected["pairing_points"] = new_row[selected["pairing_points"]]
    return selected


def select_pairs(sample: Sample, keep: Mask) -> Sample:
    """Return a new sample with a selection of its pairs.

    Args:
        sample: The sample; it is not modified.
        keep: Whether to keep each pair, shape (P,).
    """
    return {
        **sample,
        "pairing_points": sample["pairing_points"][keep],
        "pairing_images": sample["pairing_images"][keep],
    }


def count_views(sample: Sample) -> int:
    """Return the number of camera views V, also of a sample without loaded images."""
    return len(sample["imgs"] if "imgs" in sample else sample["img_tokens"])


def count_pairs(sample: Sample) -> Indices:
    """Return the number of pairs per camera view, shape (V,)."""
    return np.bincount(sample["pairing_images"][:, 0], minlength=count_views(sample))


def check_range(name: str, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return a lower and an upper bound as floats.

    Raises:
        ValueError: If they are not two finite numbers in ascending order.
    """
    low, high = (float(bound) for bound in bounds)
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ValueError(f"{name} must be two numbers in ascending order, but got {bounds}.")
    return low, high


def check_probability(name: str, probability: float) -> float:
    """Return a probability.

    Raises:
        ValueError: If it is outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"{name} must be in [0, 1], but got {probability}.")
    return probability
