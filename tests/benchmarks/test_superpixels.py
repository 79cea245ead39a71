"""The measure of nearness, and what a benchmark says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.benchmarks.harness import BenchmarkSettings
from perception_kd.benchmarks.superpixels import (
    benchmark_superpixels,
    find_accuracy,
    make_street_like,
)


def test_accuracy_of_a_hand_counted_pair() -> None:
    # Segment 0 meets truths 5, 5, 7: two of three right. Segment 2 lies within 7.
    assert find_accuracy(np.array([[0, 0, 0, 2]]), np.array([[5, 5, 7, 7]])) == pytest.approx(0.75)
    # The other way round every pixel of 5 is in 0, and 7 is split between 0 and 2.
    assert find_accuracy(np.array([[5, 5, 7, 7]]), np.array([[0, 0, 0, 2]])) == pytest.approx(0.75)
    assert find_accuracy(np.array([[0, 1, 2, 3]]), np.array([[0, 0, 1, 1]])) == 1.0


def test_a_row_for_each_fast_backend(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), make_street_like(90, 160))
    rows = list(benchmark_superpixels(BenchmarkSettings(1), [tmp_path / "a.png"], num_segments=20))
    assert [row["name"] for row in rows] == ["superpixels/fast", "superpixels/skimage_half"]
    for row in rows:
        assert row["ratio"] == pytest.approx(row["reference_s"] / row["ours_s"])
        assert row["ours_mb"] >= 0
        assert 0.5 < row["accuracy"] <= 1
        assert 2 < row["num_segments"] <= 40
