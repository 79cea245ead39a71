"""Fill a cache with regions, on many processes, sweep by sweep."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.filling import fill_cache
from perception_kd.io.info_file import resolve_path
from perception_kd.io.readers import count_stored_points, read_points
from perception_kd.regions.codec import KIND, encode_region_ids, load_region_ids
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class Sweep:
    """One LiDAR sweep of a data set.

    Attributes:
        key: Token of its sample, the name of its entry in a cache.
        scene: Name of its scene.
        path: Of its file.
        num_columns: float32 values of a point in that file.
    """

    key: str
    scene: str
    path: str
    num_columns: int

    def count_points(self) -> int:
        """Return the number of points by the size of the file."""
        return count_stored_points(self.path, self.num_columns)


def list_sweeps(info: dict[str, Any], data_root: str | Path) -> list[Sweep]:
    """Return the sweep of each sample of an info file.

    Args:
        info: Content of the info file.
        data_root: Folder of the data set.
    """
    sweeps = []
    for sample in info["data_list"]:
        lidar = sample["lidar_points"]
        path = os.path.join(data_root, resolve_path(info["metainfo"], "pts", lidar["lidar_path"]))
        sweeps.append(Sweep(sample["token"], sample["scene_name"], path, lidar["num_pts_feats"]))
    return sweeps


@dataclass
class Created:
    """What a run made.

    Attributes:
        num_made: Number of sweeps whose regions were found.
        num_kept: Number of sweeps that had their regions already.
        failed: Error by path of a sweep that cannot be read.
    """

    num_made: int = 0
    num_kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def create_regions(
    cache: Cache,
    settings: RegionSettings,
    sweeps: list[Sweep],
    *,
    workers: int = 2,
    resume: bool = True,
    verify: bool = False,
    progress: bool = True,
) -> Created:
    """Fill a cache with the regions of sweeps.

    Args:
        cache: Made with ``settings``.
        settings: How to find regions.
        sweeps: Whose regions to find.
        workers: Processes, each with one thread; 0 works in this one.
        resume: Keep the entries that are there.
        verify: Read the entries that are there, and make those that are broken again.
        progress: Show a progress bar.

    Returns:
        What was made. Sweeps that cannot be read are in ``failed``; the others are
        made.

    Raises:
        ValueError: If ``workers`` is negative.
    """
    check_at_least("workers", workers, 0)
    present = cache.keys() if resume else set()
    jobs = [
        _Job(cache, settings, sweep, verify and sweep.key in present)
        for sweep in sweeps
        if verify or sweep.key not in present
    ]
    created = Created(num_kept=len(sweeps) - len(jobs))

    def note(job: _Job, outcome: bool | str) -> None:
        if isinstance(outcome, str):
            created.failed[job.sweep.path] = outcome
        else:
            created.num_made += outcome
            created.num_kept += not outcome

    bar = tqdm(
        total=len(sweeps), initial=created.num_kept, desc=KIND, unit="sweep", disable=not progress
    )
    fill_cache(cache, _run_job, jobs, note, workers=workers, bar=bar)
    return created


@dataclass(frozen=True)
class _Job:
    cache: Cache
    settings: RegionSettings
    sweep: Sweep
    keep_if_good: bool


def _run_job(job: _Job) -> bool | str:
    """Return whether regions were made, or the error."""
    try:
        points = read_points(job.sweep.path, job.sweep.num_columns)
    except (FileNotFoundError, BrokenFileError) as error:
        return str(error)
    if job.keep_if_good and _is_good(job.cache, job.sweep.key, len(points)):
        return False
    job.cache.write(job.sweep.key, encode_region_ids(make_regions(points, job.settings)))
    return True


def _is_good(cache: Cache, key: str, num_points: int) -> bool:
    try:
        load_region_ids(cache, key, num_points)
    except BrokenFileError:
        return False
    return True
