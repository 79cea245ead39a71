"""Checks of benchmarks that both implementations agree: they fail where they do not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from numpy.typing import NDArray

from perception_kd.benchmarks import regions, teacher_cache
from perception_kd.benchmarks.harness import BenchmarkSettings
from perception_kd.benchmarks.startup import ROOT
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.structures import Array

SLIDR = "configs/slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"


@pytest.fixture
def sweep() -> Array:
    """Return a plane with three posts on it."""
    draw = np.random.default_rng(0).uniform
    height = RegionSettings().sensor_height
    ground = draw((-20, -20, -height - 0.02), (20, 20, -height + 0.02), (4000, 3))
    posts = [
        draw((x, y, -height), (x + 0.6, y + 0.6, -height + 1.8), (150, 3))
        for x, y in ((5, 3), (-6, 2), (8, -7))
    ]
    return np.concatenate([ground, *posts])


def test_the_plain_regions_are_those_of_the_package(sweep: Array) -> None:
    row = regions.compare_regions([sweep], BenchmarkSettings(repeats=1))
    assert row["max_abs_diff"] == 0
    assert len(np.unique(regions.find_regions_plainly(sweep, RegionSettings()))) == 4


@pytest.mark.parametrize("lost", [0, 2])
def test_a_point_of_another_region_is_a_difference(
    lost: int, sweep: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_a_point(points: Array, settings: RegionSettings) -> NDArray[np.int32]:
        found = make_regions(points, settings).copy()
        found[np.flatnonzero(found == lost)[0]] = -1
        return found

    monkeypatch.setattr(regions, "make_regions", without_a_point)
    row = regions.compare_regions([sweep], BenchmarkSettings(repeats=1))
    assert row["max_abs_diff"] == lost + 1


def test_seconds_are_those_of_a_sweep(sweep: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"ours_s": 6.0, "reference_s": 9.0, "ratio": 1.5}
    monkeypatch.setattr(regions, "compare", lambda *_: whole)
    row = regions.compare_regions([sweep] * 3, BenchmarkSettings(repeats=1))
    assert row == {"ours_s": 2.0, "reference_s": 3.0, "ratio": 1.5}


def test_means_from_the_cache_are_the_teachers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_VIEWS": 2, "_HEIGHT": 64, "_WIDTH": 96}.items():
        monkeypatch.setattr(teacher_cache, name, value)
    cfg = Config.fromfile(ROOT / SLIDR)
    init_default_scope(cfg.default_scope)
    cfg.model.img_backbone.backbone.checkpoint = None
    inputs = teacher_cache.prepare_step(cfg.model, tmp_path)
    # Half precision is what the cache rounds to.
    assert teacher_cache.compare_means(inputs) < 1e-3
    swapped = inputs._replace(keys=inputs.keys[::-1])
    assert teacher_cache.compare_means(swapped) > 0.05
    for weight in inputs.model.img_backbone.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    assert teacher_cache.compare_means(inputs) > 0.05
