"""Purity, majority mIoU and boxes by hand, and their tables on synthetic frames."""

import math
import sys

import numpy as np
import pytest

from perception_kd.benchmarks import run_benchmark
from perception_kd.benchmarks.harness import BenchmarkSettings
from perception_kd.benchmarks.region_boxes import find_boxes_of_points
from perception_kd.benchmarks.region_quality import summarize_quality
from perception_kd.regions.quality import RegionQuality, measure_box_quality, measure_quality
from perception_kd.synthetic.world.settings import SyntheticSettings


def test_quality_by_hand() -> None:
    # Region 3: classes 0 0 1. Region 5: 1 1. One point of class 0 in no region; the
    # point without a label does not count.
    region_ids = np.array([3, 3, 3, 5, 5, -1, 3])
    classes = np.array([0, 0, 1, 1, 1, 0, -1])
    quality = measure_quality(region_ids, classes, min_points=1)
    # Class 0: 2 hits of 3 points and 3 guesses; class 1: 2 hits of 3 points, 2 guesses.
    assert quality.majority_miou == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert quality.purity == pytest.approx(4 / 5)
    assert quality.share_in_regions == pytest.approx(5 / 6)
    assert quality.num_regions == 2
    rare = measure_quality(np.append(region_ids, 5), np.append(classes, 2), min_points=2)
    assert rare.majority_miou == pytest.approx((2 / 4 + 2 / 4) / 2)


def test_regions_of_one_point_are_perfect() -> None:
    classes = np.array([4, 0, 2, 4])
    quality = measure_quality(np.arange(4), classes, min_points=1)
    assert quality == RegionQuality(4, 1, 1, 1)


def test_nothing_to_measure_is_nan() -> None:
    quality = measure_quality(np.array([-1, 0]), np.array([0, -1]))
    assert quality.num_regions == 0
    assert quality.share_in_regions == 0
    assert math.isnan(quality.purity)
    assert math.isnan(quality.majority_miou)


def test_the_table_has_means_and_deviations() -> None:
    row = summarize_quality("a", [RegionQuality(10, 0.5, 0.25, 1), RegionQuality(20, 1.0, 0.75, 1)])
    assert row["num_regions"] == 15
    assert row["majority_miou_std"] == 0.25
    assert "15 regions, purity 0.750 +- 0.250, majority mIoU 0.500 +- 0.250" in row["text"]


def test_box_quality_by_hand() -> None:
    # Box 0: three points, two of them in region 0. Box 1: two points, one in region 1,
    # which has two points in no box. Box 2: one point, all of region 2.
    box_ids = np.array([0, 0, 0, 1, 1, -1, -1, 2, -1])
    region_ids = np.array([0, 0, -1, 1, -1, 1, 1, 2, 0])
    quality = measure_box_quality([(region_ids, box_ids)], min_points=2)
    assert (quality.num_boxes, quality.num_found) == (2, 1)
    assert quality.share_in_regions == pytest.approx(4 / 6)
    assert quality.purity == pytest.approx((2 + 1) / (3 + 1))
    twice = measure_box_quality([(region_ids, box_ids)] * 2, min_points=1)
    assert (twice.num_boxes, twice.num_found) == (6, 4)
    assert math.isnan(measure_box_quality([]).purity)


def test_a_point_is_in_the_smallest_box() -> None:
    boxes = np.array([[0, 0, 0, 4, 4, 4, 0], [1, 0, 0, 1, 1, 1, 0], [9, 0, 0, 4, 1, 1, np.pi / 2]])
    positions = np.array([[1, 0, 0], [-1, 0, 0], [9, 1.9, 0], [10.9, 0, 0]], float)
    assert find_boxes_of_points(positions, boxes).tolist() == [1, 0, 2, -1]


@pytest.mark.parametrize("name", ["region_quality", "region_boxes"])
def test_without_real_data_synthetic_frames_are_measured(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PERCEPTION_KD_REAL_DATA", raising=False)
    tiny = SyntheticSettings(scenes=1, keyframes=1, sweeps=0, width=64, height=36, azimuths=180)
    monkeypatch.setattr(f"perception_kd.benchmarks.{name}._SYNTHETIC", tiny)
    monkeypatch.setitem(sys.modules, "pypatchworkpp", None)
    rows = list(run_benchmark(name, BenchmarkSettings(1, "cpu")))
    missing = [row for row in rows if "patchworkpp" in row["name"]]
    assert missing
    assert all("perception-kd[patchwork]" in row["text"] for row in missing)
    for row in rows:
        if row not in missing:
            assert 0 < row["purity"] <= 1
            assert 0 < row["share_in_regions"] <= 1
