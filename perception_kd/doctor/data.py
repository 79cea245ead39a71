"""Checks of the samples of a data set, and of its maps."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely
from tqdm import tqdm

from perception_kd.datasets.nuscenes.maps import VectorMap
from perception_kd.doctor import entries, files
from perception_kd.doctor.files import FileJob, check_files
from perception_kd.doctor.finding import Fault, Finding, Level, group_faults
from perception_kd.doctor.infos import Info
from perception_kd.doctor.totals import check_totals
from perception_kd.io.caches.cache import Cache
from perception_kd.io.workers import run_jobs
from perception_kd.structures import InfoEntry

_AREA = "data"
_NEAR_MAP_M = 50.0
# Starting worker processes takes longer than reading a few samples.
_JOBS_IN_PROCESS = 64


@dataclass(frozen=True)
class Extent:
    """The share of a data set that is read.

    Attributes:
        num: Number of samples per info file; None reads all.
        workers: Number of processes; 0 for none.
        progress: Whether to show a progress bar, if it is on a terminal.
    """

    num: int | None = 40
    workers: int = 2
    progress: bool = True


def choose_samples(num_samples: int, num: int | None) -> list[int]:
    """Return places spread evenly over an info file, and so over its scenes.

    Args:
        num_samples: Number of all samples.
        num: How many places at most; None returns all.
    """
    if num is None or num >= num_samples:
        return list(range(num_samples))
    places = np.linspace(0, num_samples - 1, num).round().astype(int)
    return list(dict.fromkeys(places.tolist()))


def check_samples(info: Info, caches: Sequence[Cache], extent: Extent) -> Iterator[Finding]:
    """Yield findings on the entries and the files of the samples of an info file.

    Args:
        info: The info file.
        caches: Opened caches of its superpixels and regions.
        extent: How much is read.
    """
    yield from group_faults(entries.check_entries(info), entries.ENTRY_FAULTS)
    root = str(info.source.data_root.absolute())
    jobs = [
        FileJob(
            f"{info.source.path}, data_list[{index}]",
            info.samples[index],
            info.metainfo,
            root,
            tuple(caches),
        )
        for index in choose_samples(len(info.samples), extent.num)
    ]
    workers = extent.workers if len(jobs) > _JOBS_IN_PROCESS else 0
    results = run_jobs(check_files, jobs, workers, in_order=True)
    # Without a terminal, tqdm shows nothing.
    bar = tqdm(
        results,
        desc=info.source.path.name,
        total=len(jobs),
        disable=None if extent.progress else True,
        leave=False,
    )
    reports = [report for _, report in bar]
    faults = chain.from_iterable(report.faults for report in reports)
    yield from group_faults(_one_of_each_file(faults), files.FILE_FAULTS)
    where = str(info.source.path)
    if not any(report.num_points for report in reports):
        what = f"No point cloud below {root} can be read."
        command = info.metainfo.get("command", "tools/create_data.py")
        remedy = f"check --root; the file was made with: {command}"
        yield Finding(Level.ERROR, _AREA, what, where, remedy)
    yield from check_totals(reports, entries.without_broken_entries(info))
    mean = np.mean([report.num_points for report in reports])
    more = "" if len(reports) == len(info.samples) else "; --full reads all"
    what = (
        f"{len(reports)} of {len(info.samples)} samples were read, with {mean:.0f} points on "
        f"average{more}."
    )
    yield Finding(Level.OK, _AREA, what, where)


def _one_of_each_file(faults: Iterable[Fault]) -> Iterator[Fault]:
    """Yield the first fault of each file; samples share sweeps."""
    seen: set[str] = set()
    for fault in sorted(faults, key=lambda fault: fault.kind == "earlier"):
        if fault.where not in seen:
            seen.add(fault.where)
            yield fault


def check_maps(infos: Sequence[Info]) -> Iterator[Finding]:
    """Yield findings on the maps of the locations of samples."""
    for root in dict.fromkeys(info.source.data_root for info in infos):
        samples = [s for info in infos if info.source.data_root == root for s in info.samples]
        locations = sorted({str(s["location"]) for s in samples if s.get("location")})
        if not locations:
            continue
        folder = os.path.join(root, "maps", "expansion")
        if not os.path.isdir(folder):
            what = "There is no map expansion; only map segmentation needs it."
            yield Finding(Level.OK, "maps", what, folder)
            continue
        for location in locations:
            path = os.path.join(folder, f"{location}.json")
            try:
                vector_map = VectorMap.read(root, location)
                shapes = sum(len(tree) for tree in vector_map.layers.values())
            except Exception as error:
                remedy = "unpack the map expansion (v1.3) again"
                text = f"{type(error).__name__}: {error}"
                yield Finding(Level.ERROR, "maps", text, path, remedy)
                continue
            level = Level.OK if shapes else Level.ERROR
            yield Finding(level, "maps", f"The map has {shapes} shapes.", path)
            yield from _check_places(
                vector_map, [x for x in samples if x.get("location") == location]
            )


def _check_places(vector_map: VectorMap, samples: Sequence[InfoEntry]) -> Iterator[Finding]:
    """Yield the finding on samples far from any drivable area."""
    poses = [sample["lidar_points"]["ego2global"] for sample in samples]
    places = shapely.points(np.array(poses, float)[:, :2, 3])
    tree = vector_map.layers["drivable_area"]
    near = np.unique(tree.query(places, predicate="dwithin", distance=_NEAR_MAP_M)[0])
    away = np.setdiff1d(np.arange(len(samples)), near)
    if not len(away):
        return
    names = tuple(f"sample {samples[place]['token']}" for place in away[:20])
    what = (
        f"{len(away)} of {len(samples)} samples in {samples[0]['location']} are farther than "
        f"{_NEAR_MAP_M:g} m from its drivable area, such as {names[0]}: their masks are empty."
    )
    remedy = "check location in log.json, and that ego_pose is in the coordinates of the map"
    level = Level.ERROR if len(away) == len(samples) else Level.WARNING
    yield Finding(level, "maps", what, "", remedy, len(away), names)
