"""Checks of the files of one sample, and of what fits together between them.

Worker processes import this module, so it imports neither torch nor mmengine.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.doctor.alignment import FEW, count_in_boxes, guess_cause, share_on_image
from perception_kd.doctor.entries import classes_of, parse_entry
from perception_kd.doctor.finding import Fault, FaultKind, Level
from perception_kd.io.bounded import read_bounded
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import check_digest, load_origin
from perception_kd.io.image_files import read_image
from perception_kd.io.point_checks import is_plausible
from perception_kd.io.point_columns import INTENSITY_COLUMNS, RING_COLUMNS
from perception_kd.io.point_files.fields import MAX_POINTS
from perception_kd.io.point_files.readers import is_raw, read_labels, read_points
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.regions import codec as regions
from perception_kd.regions.codec import REGIONS, load_region_ids
from perception_kd.structures import Image, InfoBoxes, InfoEntry, PointLayout, Points, Sample
from perception_kd.superpixels import codec as superpixels
from perception_kd.superpixels.codec import SUPERPIXELS, load_superpixels

_COPY = "copy the files again from the data set"

FILE_FAULTS = {
    "points": FaultKind(Level.ERROR, "point clouds", "sweeps cannot be read", _COPY),
    "layout": FaultKind(
        Level.ERROR,
        "point clouds",
        "sweeps are stored in another layout",
        "check the type and the number of columns that the files are stored with",
    ),
    "not plausible": FaultKind(
        Level.WARNING, "point clouds", "sweeps have impossible points", "they are dropped"
    ),
    "earlier": FaultKind(Level.ERROR, "point clouds", "earlier sweeps cannot be read", _COPY),
    "image": FaultKind(Level.ERROR, "images", "images cannot be read", _COPY),
    "size": FaultKind(
        Level.ERROR,
        "images",
        "images have another size than in the info file",
        "scale cam2img as the images were scaled, or use the original images",
    ),
    "labels": FaultKind(
        Level.ERROR, "point labels", "files of labels do not fit their sweeps", "unpack them again"
    ),
    "broken entry": FaultKind(
        Level.ERROR,
        "cache",
        "entries are broken or of other data",
        "run the command of the manifest with --verify",
    ),
    "failed": FaultKind(
        Level.ERROR, "data", "samples could not be checked", "report this with the info file"
    ),
}


@dataclass(frozen=True)
class FileJob:
    """One sample to check; it is sent to a worker process.

    Attributes:
        where: The info file, and the place of the entry in it.
        raw: Entry of the info file.
        metainfo: Head of the info file.
        data_root: Folder of the data set.
        caches: Opened caches of superpixels and regions.
    """

    where: str
    raw: InfoEntry
    metainfo: dict[str, Any]
    data_root: str
    caches: tuple[Cache, ...] = ()


@dataclass
class SampleReport:
    """Faults and figures of the files of one sample.

    Attributes:
        faults: Faults of its files.
        num_points: Number of points of the key sweep.
        shares: Share of these points that project into the image of each camera.
        guesses: Probable reason for a small share, by camera.
        boxed: Number of points in boxes as the info file says, and the sum over boxes
            of the differences from the number that was counted.
        labels: Number of points by raw label.
        segments: Number of superpixels or regions of each entry, by folder of a cache.
        num_unmarked: Number of these entries that do not say what they were made from.
    """

    faults: list[Fault] = field(default_factory=list)
    num_points: int = 0
    shares: dict[str, float] = field(default_factory=dict)
    guesses: dict[str, str] = field(default_factory=dict)
    boxed: tuple[int, int] = (0, 0)
    labels: dict[int, int] = field(default_factory=dict)
    segments: dict[str, list[int]] = field(default_factory=dict)
    num_unmarked: int = 0


def check_files(job: FileJob) -> SampleReport:
    """Read all files of a sample and compare them with each other."""
    report = SampleReport()
    try:
        sample = parse_entry(job.raw, job.metainfo, classes_of(job.metainfo))
    except Exception:  # whatever is in the entry: check_entries says so, with its place
        return report
    try:
        points = _read_points(job, sample, report)
        report.faults += _check_earlier(job, sample)
        sizes = _check_images(job, sample, report)
        if points is not None:
            _check_labels(job, sample, report)
            _project(sample, points, sizes, report)
            report.boxed = _count_boxed(sample["instances"], points)
        for cache in job.caches:
            _check_cached(job, cache, sample, sizes, report)
    except Exception as error:
        report.faults.append(Fault("failed", job.where, f"{type(error).__name__}: {error}"))
    return report


def _read_points(job: FileJob, sample: Sample, report: SampleReport) -> Points | None:
    path = os.path.join(job.data_root, sample["lidar_path"])
    layout = _find_layout_fault(path, sample["point_layout"])
    try:
        points = read_points(path, sample["point_layout"])
    except (OSError, ValueError) as error:
        what = f"{error} The file {layout}." if layout else str(error)
        report.faults.append(Fault("points", path, what))
        return None
    report.num_points = len(points)
    num_bad = len(points) - int(is_plausible(points).sum())
    if layout:
        report.faults.append(Fault("layout", path, f"The file {layout}."))
    elif num_bad:
        what = f"{num_bad} of {len(points)} points are not finite or farther away than 10 km."
        report.faults.append(Fault("not plausible", path, what))
    return points


def _find_layout_fault(path: str, layout: PointLayout) -> str:
    """Return the fault of raw rows; empty if there is none, or for other files."""
    if not is_raw(path) or not os.path.isfile(path) or layout.columns is not None:
        return ""
    num_columns = layout.num_columns
    names = {4: INTENSITY_COLUMNS, 5: RING_COLUMNS}.get(num_columns, INTENSITY_COLUMNS[:3])
    data = read_bounded(path, "LiDAR sweep", "", 8 * num_columns * MAX_POINTS)
    return find_layout_fault(data, num_columns, layout.dtype, names)


def _check_earlier(job: FileJob, sample: Sample) -> Iterator[Fault]:
    """Yield the faults of earlier sweeps."""
    for sweep in sample["lidar_sweeps"]:
        path = os.path.join(job.data_root, sweep["lidar_path"])
        if fault := _find_sweep_fault(path, sample["point_layout"]):
            yield Fault("earlier", path, fault)
    for views in (job.raw.get("camera_sweeps") or {}).values():
        for view in views:
            path = os.path.join(job.data_root, view["img_path"])
            if not (os.path.isfile(path) and os.path.getsize(path)):
                yield Fault("image", path, "The file is missing or empty.")


@lru_cache(maxsize=64)  # neighboring samples share most of their earlier sweeps
def _find_sweep_fault(path: str, layout: PointLayout) -> str:
    try:
        read_points(path, layout)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _check_images(job: FileJob, sample: Sample, report: SampleReport) -> dict[str, tuple[int, int]]:
    """Return height and width of each image that can be read."""
    sizes = {}
    for name, relative in zip(sample["cam_names"], sample["img_paths"], strict=True):
        path = os.path.join(job.data_root, relative)
        try:
            img: Image = read_image(path)
        except (OSError, ValueError) as error:
            report.faults.append(Fault("image", path, str(error)))
            continue
        sizes[name] = (img.shape[0], img.shape[1])
        view = job.raw["images"][name]
        stored = view.get("height", img.shape[0]), view.get("width", img.shape[1])
        if tuple(stored) != sizes[name]:
            what = f"It has {img.shape[1]}x{img.shape[0]} px, not {stored[1]}x{stored[0]}."
            report.faults.append(Fault("size", path, what))
    return sizes


def _check_labels(job: FileJob, sample: Sample, report: SampleReport) -> None:
    relative = sample["pts_semantic_mask_path"]
    if relative is None:
        return
    path = os.path.join(job.data_root, relative)
    points_path = os.path.join(job.data_root, sample["lidar_path"])
    # nuScenes stores a byte per label, SemanticKITTI four.
    is_wide = os.path.isfile(path) and os.path.getsize(path) == 4 * report.num_points
    dtype = np.dtype(np.uint32 if is_wide else np.uint8)
    try:
        labels = read_labels(path, dtype, points_path, sample["point_layout"])
    except (OSError, ValueError) as error:
        report.faults.append(Fault("labels", path, str(error)))
        return
    values, counts = np.unique(labels.astype(np.int64) & 0xFFFF, return_counts=True)
    report.labels = dict(zip(values.tolist(), counts.tolist(), strict=True))


def _project(
    sample: Sample, points: Points, sizes: Mapping[str, tuple[int, int]], report: SampleReport
) -> None:
    """Count the points on each image, and guess why there are few."""
    positions = points[np.isfinite(points[:, :3]).all(axis=1), :3].astype(float)
    for view, name in enumerate(sample["cam_names"]):
        if name not in sizes or not len(positions):
            continue
        lidar2cam, cam2img = sample["lidar2cam"][view], sample["cam2img"][view]
        share = share_on_image(positions, lidar2cam, cam2img, sizes[name])
        report.shares[name] = share
        if share < FEW:
            report.guesses[name] = guess_cause(positions, lidar2cam, cam2img, sizes[name])


def _count_boxed(boxes: InfoBoxes, points: Points) -> tuple[int, int]:
    stored = boxes["num_lidar_pts"].clip(min=0)
    counted = count_in_boxes(points[:, :3].astype(float), boxes["bboxes_3d"][:, :7])
    return int(stored.sum()), int(np.abs(counted - stored).sum())


def _check_cached(
    job: FileJob,
    cache: Cache,
    sample: Sample,
    sizes: Mapping[str, tuple[int, int]],
    report: SampleReport,
) -> None:
    """Read the entries of a sample from a cache, and count their segments.

    An input that is at fault itself differs from what its entry was made from.
    """
    token = sample["sample_token"]
    inputs: dict[str, str] = {}
    reads: dict[str, Callable[[], NDArray[np.int32]]] = {}
    if cache.manifest["kind"] == REGIONS and report.num_points:
        reads[token] = partial(load_region_ids, cache, token, report.num_points)
        inputs[token] = sample["lidar_path"]
    elif cache.manifest["kind"] == SUPERPIXELS:
        views = zip(sample["cam_names"], sample["img_tokens"], sample["img_paths"], strict=True)
        for name, token, path in views:
            if name in sizes:
                reads[token] = partial(load_superpixels, cache, token, sizes[name])
                inputs[token] = path
    codec = regions if cache.manifest["kind"] == REGIONS else superpixels
    counts = report.segments.setdefault(str(cache.folder), [])
    at_fault = {fault.where for fault in report.faults}
    for key, read in reads.items():
        source = os.path.join(job.data_root, inputs[key])
        if source in at_fault:
            continue
        try:
            ids = read()
            origin = load_origin(cache, key, codec.read_origin)
            check_digest(origin, str(cache.path(key)), source)
            report.num_unmarked += origin is None
        except FileNotFoundError:
            continue  # counted for all samples, in :mod:`~perception_kd.doctor.caches`
        except Exception as error:  # damaged bytes make libraries fail in any way
            where = f"{cache.folder}/{key}{cache.manifest['extension']}"
            report.faults.append(Fault("broken entry", where, str(error)))
            continue
        counts.append(len(np.unique(ids[ids >= 0])))
