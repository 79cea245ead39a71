"""Class-balanced sampling of detection data."""

from collections import Counter
from typing import Any

import numpy as np
from mmdet3d.datasets import CBGSDataset as MMDet3DCBGSDataset
from mmengine.logging import MMLogger

from perception_kd.datasets.seeding import make_rng
from perception_kd.registry import DATASETS


@DATASETS.register_module()
class CBGSDataset(MMDet3DCBGSDataset):
    """Repeat samples so that every class is drawn equally often (CBGS [1]).

    It is mmdet3d's wrapper for :class:`CameraLidarDataset`, except that

    - a class without samples is ignored and logged (mmdet3d divides by zero);
    - the drawn samples depend on the dataset's seed only;
    - each repetition of a sample in an epoch is augmented differently.

    It reads labels, so pre-training must not use it.

    - [1] Class-balanced Grouping and Sampling for Point Cloud 3D Object Detection,
      2019, https://arxiv.org/abs/1908.09492

    Args:
        dataset: A dataset with ``with_boxes=True``, or its config.
        lazy_init: Whether to draw samples only when the first one is requested.

    Raises:
        ValueError: If the dataset has no boxes, or no sample has a valid one.
    """

    def __init__(self, dataset: Any, lazy_init: bool = False) -> None:
        built = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        super().__init__(built, lazy_init=lazy_init)

    def _get_sample_indices(self, dataset: Any) -> list[int]:
        classes = self.metainfo["classes"]
        samples: list[list[int]] = [[] for _ in classes]
        for idx in range(len(dataset)):
            for label in dataset.get_cat_ids(idx):
                samples[label].append(idx)
        absent = [name for name, of_class in zip(classes, samples, strict=True) if not of_class]
        if len(absent) == len(classes):
            raise ValueError(
                f"No sample of {getattr(dataset, 'ann_file', 'the data set')} has a valid box of "
                f"{', '.join(classes)}; create the info file again from tables with annotations of "
                "these classes, or train without CBGSDataset."
            )
        if absent:
            MMLogger.get_current_instance().warning(
                f"CBGSDataset: no sample has {', '.join(absent)}; only the other classes are "
                "balanced."
            )
        num_draws = sum(map(len, samples)) // (len(classes) - len(absent))
        rng = make_rng(dataset.seed, 0, "class-balanced")
        drawn = [rng.choice(of_class, num_draws) for of_class in samples if of_class]
        indices: list[int] = np.concatenate(drawn).tolist()
        self._repeats = _count_before(indices)
        return indices

    def __getitem__(self, idx: int) -> Any:
        """Return a sample after the pipeline of the data set."""
        self.full_init()
        return self.dataset.get_repeat(self.sample_indices[idx], self._repeats[idx])


def _count_before(indices: list[int]) -> list[int]:
    """Return the number of occurrences of each entry before its position."""
    seen: Counter[int] = Counter()
    before = []
    for index in indices:
        before.append(seen[index])
        seen[index] += 1
    return before
