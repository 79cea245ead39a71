"""Regions of keyframes compared with their boxes, by thresholds and ground."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.benchmarks.real_data import REAL_DATA
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.doctor.alignment import find_in_box
from perception_kd.io.info_file import read_info
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_files.readers import read_points
from perception_kd.regions.quality import BoxQuality, measure_box_quality
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import (
    PATCHWORKPP,
    REGION_THRESHOLDS,
    SLICES,
    RegionSettings,
)
from perception_kd.structures import Array, Points
from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SYNTHETIC_VERSION, SyntheticSettings

# The harness imports torch, which this benchmark does not need.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

_SYNTHETIC = SyntheticSettings(scenes=2, keyframes=2, sweeps=0, width=32, height=18)


def benchmark_region_boxes(settings: "BenchmarkSettings") -> "Iterator[Row]":
    """Compare regions with boxes, by each preset of thresholds and each ground.

    Keyframes are those of ``nuscenes`` in the folder PERCEPTION_KD_REAL_DATA, else
    synthetic ones.

    Args:
        settings: Not used: the result does not depend on repeats.

    Yields:
        One row per preset and ground; one that says so where Patchwork++ is missing.
    """
    keyframes = load_boxed_sweeps()
    for thresholds, backend in product(REGION_THRESHOLDS, (SLICES, PATCHWORKPP)):
        name = f"region_boxes/{thresholds}, {backend}"
        chosen = RegionSettings(ground_backend=backend)
        chosen = replace(chosen, **REGION_THRESHOLDS[thresholds])
        try:
            found = [(make_regions(points, chosen), boxes) for points, boxes in keyframes]
        except ImportError as error:
            yield {"name": name, "text": f"{name:36} not measured: {error}"}
        else:
            yield summarize_boxes(name, measure_box_quality(found), len(found))


def summarize_boxes(name: str, quality: BoxQuality, num_keyframes: int) -> "Row":
    """Return a row of the measures of some keyframes, with its text."""
    text = (
        f"{name:36} {quality.num_found} of {quality.num_boxes} boxes found, "
        f"{quality.share_in_regions:.1%} of their points in regions, purity "
        f"{quality.purity:.3f}, {num_keyframes} keyframes"
    )
    return {"name": name, "num_keyframes": num_keyframes, **quality._asdict(), "text": text}


def load_boxed_sweeps() -> list[tuple[Points, NDArray[np.int64]]]:
    """Return the points of keyframes and the box of each, (N, F) and (N,)."""
    with tempfile.TemporaryDirectory(prefix="region_boxes_") as folder:
        out_dir = Path(folder)
        if REAL_DATA in os.environ:
            root = Path(os.environ[REAL_DATA]) / "nuscenes"
        else:
            root = create_synthetic(out_dir / "data", _SYNTHETIC, workers=0, progress=False)
        convert_nuscenes(root, SYNTHETIC_VERSION, out_dir, workers=0, progress=False)
        return [
            pair
            for info_file in sorted(out_dir.glob("nuscenes_infos_*.pkl"))
            for pair in _read_keyframes(info_file, root)
        ]


def find_boxes_of_points(positions: Array, boxes: Array) -> NDArray[np.int64]:
    """Return the box that each point lies in, the smallest of several, -1 for none.

    Args:
        positions: In LiDAR coordinates in m, shape (N, 3).
        boxes: Gravity center (x, y, z), length, width, height in m and yaw in rad,
            shape (G, 7).

    Returns:
        Row of the box, shape (N,).
    """
    owner = np.full(len(positions), -1)
    for row in np.argsort(-boxes[:, 3:6].prod(axis=1), kind="stable"):
        owner[find_in_box(positions, boxes[row])] = row
    return owner


def _read_keyframes(info_file: Path, root: Path) -> Iterator[tuple[Points, NDArray[np.int64]]]:
    info: dict[str, Any] = read_info(info_file)
    sweeps = list_sweeps(info_file, info, root)
    for entry, sweep in zip(info["data_list"], sweeps, strict=True):
        points = read_points(sweep.path, sweep.layout)
        boxes = np.array([box["bbox_3d"] for box in entry["instances"]], float).reshape(-1, 7)
        yield points, find_boxes_of_points(points[:, :3].astype(float), boxes)
