"""Purity and majority mIoU by hand, and their table."""

import math

import numpy as np
import pytest

from perception_kd.benchmarks.region_quality import summarize_quality
from perception_kd.regions.quality import RegionQuality, measure_quality


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
