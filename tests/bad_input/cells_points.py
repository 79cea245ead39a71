"""Sweeps and their labels."""

from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.labels import nuscenes_label_mapping
from perception_kd.datasets.transforms import LoadPointLabels, LoadPoints
from perception_kd.structures import PointLayout, Sample
from tests.bad_input import damage
from tests.bad_input.table import accepted, not_applicable, refused

NUM_POINTS = 4000
POINTS, LABELS = "point cloud", "point labels"


def make_points() -> Any:
    """Rows of a spinning LiDAR: x, y, z, intensity, ring."""
    angle = np.linspace(0, 64 * np.pi, NUM_POINTS)
    columns = [20 * np.cos(angle), 20 * np.sin(angle), -1.8 + 0 * angle, 40 + angle % 9, angle // 7]
    return np.stack(columns, axis=1).astype(np.float32)


def write(folder: Path) -> tuple[Path, Path, Sample]:
    points, labels = folder / "sweep.bin", folder / "labels.bin"
    make_points().tofile(points)
    (np.arange(NUM_POINTS) % 32).astype(np.uint8).tofile(labels)
    sample: Sample = {
        "sample_token": "a",
        "lidar_path": str(points),
        "point_layout": PointLayout(num_columns=5),
        "timestamp": 0.0,
        "pts_semantic_mask_path": str(labels),
        "label_mapping": nuscenes_label_mapping(),
    }
    return points, labels, sample


def load_damaged(folder: Path, harm: damage.Damage) -> Sample | None:
    points, _, sample = write(folder)
    harm(points)
    return LoadPoints()(sample)


def load_labels_damaged(folder: Path, harm: damage.Damage) -> Sample:
    _, labels, sample = write(folder)
    loaded = LoadPoints()(sample)
    assert loaded is not None
    harm(labels)
    return LoadPointLabels()(loaded)


def rewrite(path: Path, values: Any) -> None:
    values.tofile(path)


@refused(POINTS, "missing", "the path", r"No LiDAR sweep at .*sweep\.bin", FileNotFoundError)
def _(folder: Path) -> None:
    load_damaged(folder, damage.remove)


@refused(POINTS, "empty", "no point", r"sweep\.bin must hold rows of 5 float32, but got 0")
def _(folder: Path) -> None:
    load_damaged(folder, damage.clear)


@refused(POINTS, "truncated", "no whole rows", r"sweep\.bin must hold rows of 5 float32")
def _(folder: Path) -> None:
    load_damaged(folder, damage.cut)


@refused(POINTS, "garbage", "impossible positions", r"sweep\.bin does not hold points as 5")
def _(folder: Path) -> None:
    load_damaged(folder, damage.scramble)


@refused(
    POINTS,
    "wrong shape",
    "rows of four columns read as five",
    r"sweep\.bin does not hold points as 5 float32 .*rows of 4 float32",
)
def _(folder: Path) -> None:
    load_damaged(folder, lambda path: rewrite(path, make_points()[:, :4].copy()))


@refused(
    POINTS, "bytes that are missing at the start", "columns in steps", r"sweep\.bin .* in steps"
)
def _(folder: Path) -> None:
    points, _, sample = write(folder)
    load = LoadPoints()
    assert load(sample) is not None
    rng = np.random.default_rng(0)
    positions, other = rng.normal(0, 10, (5000, 3)), rng.integers(0, [256, 32], (5000, 2))
    rows = np.hstack([positions, other]).astype(np.float32)
    points.write_bytes(rows.tobytes()[8:-12])
    load(sample)


def load_later(folder: Path, order: list[int]) -> None:
    """Load a sweep of 32 rings, and then one whose columns are in another order."""
    points, _, sample = write(folder)
    rng, ring = np.random.default_rng(0), np.arange(32_000) % 32
    turn, rise = np.linspace(0, 2 * np.pi, 32_000), np.deg2rad(ring - 25)
    level = np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    values = [*(level * rng.uniform(5, 40, 32_000)), rng.integers(0, 256, 32_000), ring]
    rows = np.stack(values, axis=1).astype(np.float32)
    rewrite(points, rows)
    load = LoadPoints()
    assert load(sample) is not None
    rewrite(points, rows[:, order].copy())
    load(sample)


@refused(POINTS, "z and x exchanged in a later sweep", "heights in x", r"sweep\.bin .*heights in x")
def _(folder: Path) -> None:
    load_later(folder, [2, 1, 0, 3, 4])


@refused(
    POINTS, "rings as intensities in a later sweep", "the column", r"sweep\.bin .*as rings have"
)
def _(folder: Path) -> None:
    load_later(folder, [0, 1, 2, 4, 3])


@refused(POINTS, "wrong dtype", "float64 or integers read as float32", r"sweep\.bin does not hold")
def _(folder: Path) -> None:
    load_damaged(folder, lambda path: rewrite(path, make_points().astype(np.float64)))


@refused(POINTS, "NaN/inf", "no finite position", r"sweep\.bin .* no position is finite")
def _(folder: Path) -> None:
    load_damaged(folder, lambda path: rewrite(path, make_points() * np.float32(np.nan)))


@refused(POINTS, "huge", "more than 8 million points", r"sweep\.bin has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    load_damaged(folder, damage.blow_up)


not_applicable(POINTS, "other version", "the files have no version")


@refused(
    POINTS,
    "other data set",
    "another number of columns than num_pts_feats of the info file",
    r"sweep\.bin (must hold rows of 5|does not hold points as 5) float32",
)
def _(folder: Path) -> None:
    load_damaged(folder, lambda path: rewrite(path, make_points()[:-1, :4].copy()))


@accepted(POINTS, "some NaN/inf or beyond 10 km", "these points are dropped, with a warning")
def _(folder: Path) -> None:
    points = make_points()
    points[3, 1], points[5, 0] = np.nan, 1e30
    loaded = load_damaged(folder, lambda path: rewrite(path, points))
    assert loaded is not None
    assert len(loaded["points"]) == NUM_POINTS - 2


@refused(POINTS, "all zeros", "all positions at the sensor", r"sweep\.bin .* are at the sensor")
def _(folder: Path) -> None:
    load_damaged(folder, lambda path: rewrite(path, make_points() * 0))


@refused(LABELS, "missing", "the path", r"No point labels at .*labels\.bin", FileNotFoundError)
def _(folder: Path) -> None:
    load_labels_damaged(folder, damage.remove)


@refused(LABELS, "empty", "not one label per point", r"labels\.bin must hold 4000 .* got 0 bytes")
def _(folder: Path) -> None:
    load_labels_damaged(folder, damage.clear)


@refused(LABELS, "truncated", "not one label per point", r"labels\.bin must hold 4000 labels")
def _(folder: Path) -> None:
    load_labels_damaged(folder, damage.cut)


@refused(LABELS, "garbage", "labels that the data set does not have", r"labels\.bin has label \d+")
def _(folder: Path) -> None:
    load_labels_damaged(folder, damage.scramble)


@refused(LABELS, "wrong shape", "labels of another sweep", r"labels\.bin must hold 4000 labels")
def _(folder: Path) -> None:
    load_labels_damaged(folder, lambda path: rewrite(path, np.zeros(4001, np.uint8)))


@refused(LABELS, "wrong dtype", "another size than dtype says", r"4000 labels of uint8.* dtype")
def _(folder: Path) -> None:
    load_labels_damaged(folder, lambda path: rewrite(path, np.zeros(NUM_POINTS, np.uint32)))


not_applicable(LABELS, "NaN/inf", "labels are integers")


@refused(LABELS, "huge", "another size than the points", r"labels\.bin must hold 4000 labels")
def _(folder: Path) -> None:
    load_labels_damaged(folder, damage.blow_up)


not_applicable(LABELS, "other version", "the files have no version")


@refused(LABELS, "other data set", "a label above 31 of nuScenes", r"labels\.bin has label 40, whi")
def _(folder: Path) -> None:
    load_labels_damaged(folder, lambda path: rewrite(path, np.full(NUM_POINTS, 40, np.uint8)))
