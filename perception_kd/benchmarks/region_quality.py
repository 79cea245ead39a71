"""Kinds of regions compared by how well they separate the classes of points."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from mmengine.registry import init_default_scope
from numpy.typing import NDArray

from perception_kd.benchmarks.real_data import REAL_DATA
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.semantic_labels import IGNORE_INDEX
from perception_kd.datasets.semantickitti.converter import convert_semantickitti
from perception_kd.engine.commands.create_regions import make_preset
from perception_kd.io.info_file import read_info
from perception_kd.regions.joint.pieces import label_points, split_superpixels
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.quality import RegionQuality, measure_quality
from perception_kd.regions.settings import PATCHWORKPP, SLICES, RegionSettings
from perception_kd.registry import DATASETS
from perception_kd.structures import Image, Indices, Points, Sample
from perception_kd.superpixels.backends import get_backend
from perception_kd.superpixels.settings import SlicSettings
from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SYNTHETIC_VERSION, SyntheticSettings

# The harness imports torch, which this benchmark does not need.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

_MEASURES = ("num_regions", "purity", "majority_miou", "share_in_regions")
_SYNTHETIC = SyntheticSettings(scenes=1, keyframes=1, sweeps=0, width=400, height=225)
# Frames 0 and 5 of each snippet, and the first and last of the three whole sweeps of
# each sequence.
_KITTI = {"semantickitti_fov": (range(8), (0, 5)), "semantickitti": ((0, 5, 7), (0, 2))}


class LabeledView(NamedTuple):
    """One image with the labeled points in it.

    Attributes:
        image: RGB, shape (H, W, 3).
        points: All points of the sweep, shape (N, F).
        rows: Row of each point in the image, shape (P,).
        rows_cols: Its pixel, shape (P, 2).
        classes: Its class, -1 without a label, shape (P,).
        ground: Settings of the ground.
    """

    image: Image
    points: Points
    rows: Indices
    rows_cols: Indices
    classes: NDArray[np.int64]
    ground: RegionSettings


def benchmark_region_quality(settings: "BenchmarkSettings") -> "Iterator[Row]":
    """Compare kinds of regions on labeled frames.

    Frames are those of SemanticKITTI in the folder PERCEPTION_KD_REAL_DATA, else
    synthetic ones, in which objects have a color of their own.

    Args:
        settings: Not used: the result does not depend on repeats.

    Yields:
        One row per kind, with the mean over images and the standard deviation.
    """
    init_default_scope("perception_kd")
    with tempfile.TemporaryDirectory(prefix="region_quality_") as folder:
        if REAL_DATA in os.environ:
            views = list(_list_kitti_views(Path(os.environ[REAL_DATA]), Path(folder)))
        else:
            views = list(_list_synthetic_views(Path(folder)))
    for kind, find in KINDS.items():
        name = f"region_quality/{kind}"
        try:
            measured = [measure_quality(find(view), view.classes) for view in views]
        except ImportError as error:
            yield {"name": name, "text": f"{name:46} not measured: {error}"}
        else:
            yield summarize_quality(name, measured)


def find_superpixels(view: LabeledView, num_segments: int) -> NDArray[np.integer[Any]]:
    """Return the SLIC superpixel of each point of a view, (P,)."""
    return _segment(view, num_segments)[tuple(view.rows_cols.T)]


def find_joint(
    view: LabeledView,
    num_segments: int,
    by_pixel: bool,
    ground_only: bool = False,
    ground_backend: str = SLICES,
) -> NDArray[np.integer[Any]]:
    """Return the region of both sensors of each point of a view, (P,).

    Args:
        view: Image, sweep and pairs.
        num_segments: Number of superpixels that are split.
        by_pixel: Whether a point has the region of its pixel, or its own.
        ground_only: Whether all points above the ground are one cluster.
        ground_backend: How the ground is found.
    """
    ground = replace(view.ground, ground_backend=ground_backend)
    labels = label_points(view.points, JointSettings(ground=ground))[view.rows]
    if ground_only:
        labels = np.minimum(labels, 0)
    pieces = split_superpixels(_segment(view, num_segments), view.rows_cols, labels)
    return pieces.superpixels[tuple(view.rows_cols.T)] if by_pixel else pieces.of_pairs


KINDS: dict[str, Callable[[LabeledView], NDArray[np.integer[Any]]]] = {
    "slic_150": partial(find_superpixels, num_segments=150),
    "slic_600": partial(find_superpixels, num_segments=600),
    "slic_150 x ground": partial(find_joint, num_segments=150, by_pixel=True, ground_only=True),
    "joint_150, pixels": partial(find_joint, num_segments=150, by_pixel=True),
    "joint_150, points": partial(find_joint, num_segments=150, by_pixel=False),
    "joint_150, points, patchworkpp": partial(
        find_joint, num_segments=150, by_pixel=False, ground_backend=PATCHWORKPP
    ),
}


def summarize_quality(name: str, measured: Sequence[RegionQuality]) -> "Row":
    """Return a row of means and standard deviations over images, with its text."""
    row: Row = {"name": name, "num_images": len(measured)}
    for field in _MEASURES:
        values = [getattr(quality, field) for quality in measured]
        row |= {field: float(np.nanmean(values)), f"{field}_std": float(np.nanstd(values))}
    row["text"] = (
        f"{name:46} {row['num_regions']:6.0f} regions, purity {row['purity']:.3f} +- "
        f"{row['purity_std']:.3f}, majority mIoU {row['majority_miou']:.3f} +- "
        f"{row['majority_miou_std']:.3f}, {row['share_in_regions']:.1%} of the points, "
        f"{len(measured)} images"
    )
    return row


def _segment(view: LabeledView, num_segments: int) -> NDArray[np.integer[Any]]:
    slic = SlicSettings(num_segments=num_segments)
    segment = get_backend(slic.backend)
    return segment(view.image, slic.num_segments, slic.compactness, slic.sigma)


def _list_kitti_views(real: Path, folder: Path) -> Iterator[LabeledView]:
    for name, (sequences, frames) in _KITTI.items():
        root = real / name / "dataset"
        out_dir = folder / name
        splits: dict[str, Sequence[int]] = {"val": list(sequences)}
        convert_semantickitti(root, out_dir, splits=splits, progress=False)
        info = read_info(out_dir / "semantickitti_infos_val.pkl")
        names = [Path(x["lidar_points"]["lidar_path"]).stem for x in info["data_list"]]
        rows = [row for row, stem in enumerate(names) if int(stem) in frames]
        dataset = _build(out_dir / "semantickitti_infos_val.pkl", root, "uint32")
        yield from _list_views([dataset[row] for row in rows], make_preset("semantickitti"))


def _list_synthetic_views(folder: Path) -> Iterator[LabeledView]:
    root = create_synthetic(folder / "data", _SYNTHETIC, workers=0, progress=False)
    convert_nuscenes(root, SYNTHETIC_VERSION, folder, workers=0, progress=False)
    (info_file,) = folder.glob("nuscenes_infos_*.pkl")
    dataset = _build(info_file, root, "uint8")
    yield from _list_views([dataset[row] for row in range(len(dataset))], make_preset("nuscenes"))


def _build(info_file: Path, root: Path, dtype: str) -> Any:
    steps: list[Mapping[str, Any]] = [
        dict(type="LoadPoints"),
        dict(type="LoadPointLabels", dtype=dtype),
        dict(type="LoadImages"),
        dict(type="PairPointsWithPixels"),
    ]
    return DATASETS.build(
        dict(
            type="CameraLidarDataset",
            ann_file=info_file.name,
            data_root=str(root),
            info_root=str(info_file.parent),
            pipeline=steps,
            test_mode=True,
        )
    )


def _list_views(samples: Sequence[Sample], ground: RegionSettings) -> Iterator[LabeledView]:
    for sample in samples:
        classes = sample["pts_semantic_mask"]
        classes = np.where(classes == IGNORE_INDEX, -1, classes)
        for number, image in enumerate(sample["imgs"]):
            pairs = sample["pairing_images"][:, 0] == number
            rows = sample["pairing_points"][pairs]
            rows_cols = sample["pairing_images"][pairs, 1:]
            yield LabeledView(image, sample["points"], rows, rows_cols, classes[rows], ground)
