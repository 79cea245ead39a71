"""Crops that a teacher is to see, cut by the worker processes of a data loader."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from perception_kd.datasets.stored_views import StoredView, sum_superpixels, view_key
from perception_kd.engine.teacher_cache.crop_sources import CropSource
from perception_kd.superpixels.codec import SUPERPIXELS


class CropJob(NamedTuple):
    """One crop of all views of a sample.

    Attributes:
        source: Number of its source.
        sample: Index of the sample in its data set.
        crop: Number of the crop; None is the whole image.
        keys: Key of each view in the cache.
    """

    source: int
    sample: int
    crop: int | None
    keys: tuple[str, ...]


class CutCrop(NamedTuple):
    """The views of a job.

    Attributes:
        keys: Key of each view.
        imgs: (V, 3, H, W) uint8.
        superpixels: Ids from 0 in each view, -1 = none, (V, H, W); None if not needed.
        views: What is noted of each view.
    """

    keys: list[str]
    imgs: Tensor
    superpixels: Tensor | None
    views: list[StoredView]


def list_jobs(sources: Sequence[CropSource]) -> list[CropJob]:
    """Return the crops of all samples; an image of two samples is listed once."""
    jobs: list[CropJob] = []
    seen: set[str] = set()
    for number, source in enumerate(sources):
        for index in range(len(source.dataset)):
            tokens = source.dataset.get_data_info(index)["img_tokens"]
            for crop in source.step.crops:
                keys = tuple(view_key(token, crop) for token in tokens)
                if not seen.issuperset(keys):
                    jobs.append(CropJob(number, index, crop, keys))
                seen.update(keys)
    return jobs


class CropDataset(Dataset[CutCrop | None]):
    """The views of each job; None for a sample that the data set skips.

    Args:
        sources: Data sets and steps.
        jobs: Jobs of :func:`list_jobs`.
    """

    def __init__(self, sources: Sequence[CropSource], jobs: Sequence[CropJob]) -> None:
        self._sources, self._jobs = sources, jobs

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._jobs)

    def __getitem__(self, number: int) -> CutCrop | None:
        """Load a sample and cut the views of a job from it."""
        job = self._jobs[number]
        source = self._sources[job.source]
        sample: Any = source.dataset.prepare_data(job.sample)
        if sample is None:
            return None
        cut, views = source.step.cut(sample, job.crop)
        # Views may have been shuffled before.
        keys = [view_key(token, job.crop) for token in cut["img_tokens"]]
        imgs = torch.from_numpy(np.stack(cut["imgs"]).transpose(0, 3, 1, 2).copy())
        if source.step.stores != SUPERPIXELS:
            return CutCrop(keys, imgs, None, views)
        maps = cut["superpixels"]
        views = [
            view._replace(checksum=sum_superpixels(ids))
            for view, ids in zip(views, maps, strict=True)
        ]
        return CutCrop(keys, imgs, torch.from_numpy(np.stack(maps)), views)
