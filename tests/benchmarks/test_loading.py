"""Samples of the pipeline equal those that SLidR's published code makes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from perception_kd.benchmarks import loading
from perception_kd.benchmarks.harness import BenchmarkSettings
from perception_kd.benchmarks.slidr_item import Item


@pytest.mark.slow
def test_samples_equal_those_of_slidr(
    synthetic_nuscenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_find_root", lambda folder: synthetic_nuscenes)
    frames = loading.prepare_frames(tmp_path)
    assert len(frames.records) == 3
    row = loading.compare_loading(frames, BenchmarkSettings(repeats=1))
    assert row["max_abs_diff"] < 1
    assert row["ratio"] > 0


def test_different_pairs_and_maps_are_an_error() -> None:
    imgs, maps = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long()
    points, pixels = np.arange(3), np.zeros((3, 3), np.int64)
    packed = {
        "inputs": {
            "imgs": torch.full((1, 3, 2, 2), 2, dtype=torch.uint8),
            "superpixels": maps,
            "pairing_points": torch.tensor(points),
            "pairing_images": torch.tensor(pixels),
        }
    }
    item = Item(torch.zeros(3, 4), imgs, maps, points, pixels)
    assert loading.compare_items(packed, item) == 2
    with pytest.raises(RuntimeError, match="The superpixels differ"):
        loading.compare_items(packed, item._replace(superpixels=maps + 1))
    with pytest.raises(RuntimeError, match="The pairs differ"):
        loading.compare_items(packed, item._replace(pairing_points=points[::-1]))
    with pytest.raises(RuntimeError, match="The pairs differ"):
        loading.compare_items(
            packed, item._replace(pairing_points=points[:2], pairing_images=pixels[:2])
        )
