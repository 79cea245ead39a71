"""Pairs of LiDAR points and image pixels."""

from typing import cast, get_args

import numpy as np

from perception_kd.datasets.transforms.base import RandomTransform, count_views
from perception_kd.datasets.transforms.image_geometry import view_sizes
from perception_kd.geometry.projection import project_points
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Indices, Sample, ViewKey

# Keys with one entry per camera view.
VIEW_KEYS: tuple[ViewKey, ...] = get_args(ViewKey)


def reorder_views(sample: Sample, order: Indices) -> Sample:
    """Reorder the views of a sample that has no pairs yet.

    Reads and writes: all keys with one entry per view.

    Args:
        sample: The sample; it is not modified.
        order: The old view of each new one, shape (V,).
    """
    reordered: dict[str, object] = {**sample}
    for key in VIEW_KEYS:
        if key in sample:
            entries = sample[key]
            if isinstance(entries, np.ndarray):
                reordered[key] = entries[order]
            else:
                reordered[key] = [entries[view] for view in order]
    return cast(Sample, reordered)


@TRANSFORMS.register_module()
class PairPointsWithPixels(RandomTransform[Indices]):
    """Pair each point with the nearest pixel of every view that sees it.

    Following SLidR [1], there is no occlusion test, no maximum depth, and the border
    rule is that of :func:`~perception_kd.geometry.projection.project_points`; the pixel
    is the rounded projection, ties to even. Pairs are sorted by view, then by point, so
    a point occurs once per view that sees it. Points of earlier sweeps are not paired:
    the objects may have moved since.

    Put it before every transform that moves points or images.

    - [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258

    Reads: ``points``, ``original_points``, ``lidar2cam``, ``cam2img``; ``imgs``, or
    without them the sizes that the info file or the image files state. Writes:
    ``pairing_points``, ``pairing_images``; with ``shuffle_views`` all keys by view.

    Args:
        min_depth: Points closer to a camera than this depth in m are not paired.
        shuffle_views: Whether to shuffle the views first.

    Raises:
        ValueError: If ``min_depth`` is not positive.
    """

    def __init__(self, min_depth: float = 1.0, shuffle_views: bool = False) -> None:
        if min_depth <= 0:
            raise ValueError(f"min_depth must be positive, but got {min_depth}.")
        self.min_depth = min_depth
        self.shuffle_views = shuffle_views

    def draw(self, sample: Sample, rng: np.random.Generator) -> Indices:
        """Return the old view of each new one, shape (V,)."""
        num_views = count_views(sample)
        return rng.permutation(num_views) if self.shuffle_views else np.arange(num_views)

    def apply(self, sample: Sample, params: Indices) -> Sample:
        """Return the sample with its views in this order, and with pairs."""
        if "lidar_aug_matrix" in sample:
            raise ValueError(
                "Points were augmented before they were paired; put PairPointsWithPixels before "
                "the point transforms."
            )
        if "img_aug_matrix" in sample:
            raise ValueError(
                "Images were augmented before they were paired; put PairPointsWithPixels before "
                "the image transforms."
            )
        if not count_views(sample):
            raise ValueError(
                "The sample has no images to pair; select cameras in the dataset, or remove "
                "PairPointsWithPixels from the pipeline."
            )
        sample = reorder_views(sample, params) if self.shuffle_views else sample.copy()
        own_rows = np.flatnonzero(sample["original_points"] >= 0)
        positions = sample["points"][own_rows, :3]

        rows, pixels = [], []
        for view, size in enumerate(view_sizes(sample)):
            projection = project_points(
                positions,
                sample["lidar2cam"][view],
                sample["cam2img"][view],
                size,
                self.min_depth,
            )
            u, v = np.rint(projection.pixels[projection.visible]).astype(np.int64).T
            rows.append(own_rows[projection.visible])
            pixels.append(np.stack([np.full_like(u, view), v, u], axis=1))
        sample["pairing_points"] = np.concatenate(rows)
        sample["pairing_images"] = np.concatenate(pixels)
        return sample
