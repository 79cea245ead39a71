"""Size of a cache of a teacher's features, before it is made."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from perception_kd.engine.teacher_cache.crop_sources import CropSource
from perception_kd.engine.teacher_cache.crops import CropDataset, CropJob

_MAX_TRIED = 8
_BYTES_PER_ID = 4


class EstimatedSize(NamedTuple):
    """Size of the missing entries of a cache.

    Attributes:
        num_views: Number of entries.
        rows_per_view: Mean number of rows of an entry.
        num_bytes: Bytes of all.
    """

    num_views: int
    rows_per_view: float
    num_bytes: int


def estimate_size(
    sources: Sequence[CropSource], jobs: Sequence[CropJob], num_channels: int, stride: int | None
) -> EstimatedSize:
    """Estimate the size of entries from a few of them, without running the teacher.

    Args:
        sources: Data sets and steps.
        jobs: The crops to store.
        num_channels: Channels C of the teacher.
        stride: Stride of its map in px, None if unknown.
    """
    num_views = sum(len(job.keys) for job in jobs)
    tried = [jobs[len(jobs) * i // _MAX_TRIED] for i in range(min(_MAX_TRIED, len(jobs)))]
    dataset = CropDataset(sources, tried)
    counts: list[int] = []
    for number in range(len(tried)):
        cut = dataset[number]
        if cut is None:
            continue
        height, width = cut.imgs.shape[-2:]
        if cut.superpixels is None:
            cells = math.ceil(height / (stride or 1)) * math.ceil(width / (stride or 1))
            counts += [cells] * len(cut.keys)
        else:
            counts += [int((ids.unique() >= 0).sum()) for ids in cut.superpixels]
    rows = sum(counts) / max(len(counts), 1)
    return EstimatedSize(
        num_views, rows, int(num_views * rows * (2 * num_channels + _BYTES_PER_ID))
    )


def check_room(folder: Path, size: EstimatedSize, max_gb: float) -> None:
    """Refuse a cache that is larger than allowed, or than the disk has room for.

    Raises:
        ValueError: If it is.
    """
    wanted, free = size.num_bytes / 1e9, shutil.disk_usage(folder).free / 1e9
    advice = "lower num_crops of StoredCrops in the config"
    if wanted > max_gb:
        raise ValueError(
            f"The cache would take {wanted:,.1f} GB, more than --max-size {max_gb:g} GB; raise "
            f"--max-size, or {advice}."
        )
    if wanted > free:
        raise ValueError(
            f"The cache would take {wanted:,.1f} GB, but the disk of {folder} has {free:,.1f} GB "
            f"left; choose --info-root on another disk, or {advice}."
        )
