"""Samples of a config's data sets, after their pipelines."""

from typing import Any

import pytest
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine import Config

from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.pipeline import build_data_set, check_pipeline, check_pipelines
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from tests.doctor.conftest import SLIDR, SmallSet


@pytest.fixture
def cfg(small_set: SmallSet) -> Config:
    cfg = read_config(SLIDR)
    set_data_folders(cfg, str(small_set.root), str(small_set.info_root))
    return cfg


def make_packed(num_pairs: int) -> dict[str, Any]:
    inputs = {"pairing_points": torch.zeros(num_pairs), "region_ids": torch.tensor([-1, -1])}
    return {"inputs": inputs, "data_samples": Det3DDataSample()}


def test_samples_run_through_the_pipelines(cfg: Config) -> None:
    findings = list(check_pipelines(cfg, 2))
    assert {finding.level for finding in findings} == {Level.OK}
    assert "pairs of points and pixels" in findings[0].what


def test_a_sample_that_cannot_be_loaded_is_an_error(cfg: Config, small_set: SmallSet) -> None:
    small_set.path("CAM_FRONT", 0).unlink()
    first, *_ = check_pipelines(cfg, 2)
    assert first.level is Level.ERROR
    assert first.what.startswith("Sample 0 cannot be loaded: No image at")
    assert first.where == "train_dataloader.dataset"


def test_a_data_set_that_cannot_be_built_is_an_error(cfg: Config) -> None:
    cfg.train_dataloader.dataset.ann_file = "none.pkl"
    finding = build_data_set(cfg, "train_dataloader")
    assert isinstance(finding, Finding)
    assert "No info file at" in finding.what


def test_samples_without_anything_to_learn_from_are_an_error() -> None:
    pairs, regions, ok = check_pipeline([make_packed(0)] * 3, "train", 8)
    assert pairs.what.startswith("None of 3 samples has pairs of points and pixels")
    assert regions.what.startswith("None of 3 samples has points in regions")
    assert pairs.level is regions.level is Level.ERROR
    assert ok.level is Level.OK


def test_many_samples_without_pairs_are_a_warning() -> None:
    first, *_ = check_pipeline([make_packed(n) for n in (0, 0, 9)], "train", 8)
    assert first.level is Level.WARNING
    assert first.what == "2 of 3 samples have no pairs of points and pixels."
