"""Regions of sweeps, compared with a plain ground fit and scikit-learn's DBSCAN."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare
from perception_kd.benchmarks.real_data import REAL_DATA
from perception_kd.io.point_files.readers import read_points
from perception_kd.regions.filtering import find_fault
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.structures import Array, PointLayout
from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SyntheticSettings

_LAYOUT = PointLayout(num_columns=5)
_SYNTHETIC = SyntheticSettings(scenes=2, keyframes=2, sweeps=0, width=32, height=18)
_MAX_SWEEPS = 4


def benchmark_regions(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare CPU seconds per sweep on up to four sweeps.

    They are those of ``nuscenes`` in the folder PERCEPTION_KD_REAL_DATA, else synthetic
    ones. Points that one result puts into a region and the other does not, or into
    another one, are the difference: there must be none.

    Args:
        settings: Repeats; the device is a CPU.

    Yields:
        One row.
    """
    yield compare_regions(load_sweeps(), settings)


def compare_regions(sweeps: Sequence[Array], settings: BenchmarkSettings) -> Row:
    """Find the regions of sweeps, (N, 3) each, by both implementations."""
    presets = RegionSettings()
    case = Case(
        "regions",
        "ground fit with loops over slices, scikit-learn's DBSCAN, the same filters",
        lambda: [torch.from_numpy(np.maximum(make_regions(s, presets), -1)) for s in sweeps],
        lambda: [torch.from_numpy(find_regions_plainly(s, presets)) for s in sweeps],
    )
    row = compare(case, settings, time.process_time)
    return {**row, **{key: row[key] / len(sweeps) for key in ("ours_s", "reference_s")}}


def load_sweeps() -> list[Array]:
    """Return the points of some sweeps, (N, 3) each."""
    with tempfile.TemporaryDirectory(prefix="regions_") as folder:
        if REAL_DATA in os.environ:
            root = Path(os.environ[REAL_DATA]) / "nuscenes"
        else:
            root = create_synthetic(Path(folder) / "data", _SYNTHETIC, workers=0, progress=False)
        paths = sorted((root / "samples/LIDAR_TOP").glob("*.bin"))[:_MAX_SWEEPS]
        return [read_points(path, _LAYOUT)[:, :3].astype(np.float64) for path in paths]


def find_regions_plainly(points: Array, settings: RegionSettings) -> NDArray[np.int32]:
    """Find regions as CALICO describes them, each step as a library offers it.

    Args:
        points: Finite positions in m, (N, 3).
        settings: Thresholds.

    Returns:
        Region of each point from 0, -1 for none, (N,).
    """
    is_ground = np.zeros(len(points), dtype=bool)
    for start in np.arange(-settings.max_x, settings.max_x, settings.slice_length):
        end = min(start + settings.slice_length, settings.max_x + 1e-9)
        rows = np.flatnonzero((points[:, 0] >= start) & (points[:, 0] < end))
        if len(rows) >= settings.min_slice_points:
            is_ground[rows] = _is_ground_of_slice(points[rows], settings)
    rows = np.flatnonzero(~is_ground)
    clusters = DBSCAN(eps=settings.eps, min_samples=settings.min_points).fit(points[rows, :2])
    region_ids = np.full(len(points), -1, dtype=np.int32)
    number = 0
    for cluster in range(clusters.labels_.max(initial=-1) + 1):
        members = rows[clusters.labels_ == cluster]
        if find_fault(points[members], settings) is None:
            region_ids[members] = number
            number += 1
    return region_ids


def _is_ground_of_slice(points: Array, settings: RegionSettings) -> NDArray[np.bool_]:
    """Fit a plane to the lowest points again and again, by singular values."""
    candidates = points[points[:, 2] >= -settings.sensor_height - settings.max_depth]
    lowest = np.sort(candidates[:, 2])[: settings.num_lowest].mean()
    seeds = candidates[candidates[:, 2] < lowest + settings.seed_height]
    for _ in range(settings.num_iterations):
        center = seeds.mean(axis=0)
        normal = np.linalg.svd(np.cov((seeds - center).T))[0][:, 2]
        normal = normal if normal[2] >= 0 else -normal
        seeds = seeds[(seeds - center) @ normal < settings.ground_height]
    heights: Array = (points - center) @ normal
    return heights < settings.ground_height
