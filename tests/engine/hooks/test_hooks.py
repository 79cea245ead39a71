"""Hooks inform the data set and the log, in toy runs."""

import logging
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from perception_kd.engine.hooks import EpochSeedHook, LoadPretrainedHook
from perception_kd.engine.hooks.dataset_epoch import unwrap_datasets
from perception_kd.engine.hooks.run_summary import RunSummaryHook, count_skipped
from tests.engine.toy import ToyDataset, ToyModel, build_runner, read_log


@pytest.mark.parametrize("workers", [0, 1])
def test_persistent_workers_know_the_epoch(tmp_path: Path, workers: int) -> None:
    settings = {
        "train_dataloader.num_workers": workers,
        "train_dataloader.persistent_workers": workers > 0,
        "train_cfg.max_epochs": 3,
    }
    model = build_runner(tmp_path, **settings).train()
    assert model.epochs == [0] * 8 + [1] * 8 + [2] * 8


def test_wrapped_data_sets_are_found_and_their_skips_added() -> None:
    class Wrapper:
        def __init__(self, **parts: object) -> None:
            self.__dict__.update(parts)

    first, second = ToyDataset("a"), ToyDataset("b")
    second.skipped = {"no_points": 1, "missing_file": 2}
    whole = Wrapper(datasets=[Wrapper(dataset=first), second])
    assert list(unwrap_datasets(whole))[2:] == [first, second]
    assert count_skipped(whole) == {"no_points": 4, "missing_file": 2}


def test_draws_depend_on_seed_epoch_and_rank_alone(tmp_path: Path) -> None:
    runner = build_runner(tmp_path, **{"train_cfg.max_epochs": 1})
    hook = EpochSeedHook()

    def draw(seed: int = 0, epoch: int = 0, rank: int = 0) -> tuple[float, ...]:
        hook.before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch, rank=rank))
        from_numpy = np.random.rand()  # noqa: NPY002  # the global one is what is seeded
        return random.random(), float(from_numpy), float(torch.rand(()))

    first = draw()
    assert draw() == first
    for other in (draw(seed=1), draw(epoch=1), draw(rank=1)):
        assert not set(first) & set(other)
    draw(seed=5)
    runner.call_hook("before_train_epoch")
    assert float(torch.rand(())) == first[2]


def test_the_summary_says_what_the_run_will_do(tmp_path: Path) -> None:
    warmup = [dict(type="LinearLR", start_factor=0.5, by_epoch=False, end=2)]
    runner = build_runner(tmp_path, **{"param_scheduler": warmup, "train_cfg.max_epochs": 1})
    runner.model.backbone.requires_grad_(False)
    runner.train()
    log = read_log(tmp_path)
    # 3 * 4 + 4 in the backbone, 4 + 1 in the head.
    for line in (
        "Effective learning rate: 0.02, 0.01 in the first step (5 values in 1 group)",
        "Samples per epoch: 8; batch size 2 x 1 processes = 2; steps per epoch: 4",
        "Parameters: 5 train, 16 are frozen",
        "Batch 1: num_pairs 2",
        "Batch 3: num_pairs 2",
        "Samples skipped so far: no_points 3",
    ):
        assert line in log
    assert "Batch 4" not in log


def test_a_training_that_skips_most_samples_ends() -> None:
    hook, dataset = RunSummaryHook(), ToyDataset("a")
    loader = SimpleNamespace(dataset=dataset)
    runner: Any = SimpleNamespace(train_dataloader=loader, epoch=1, logger=logging.getLogger())
    dataset.skipped = {"missing_file": len(dataset)}
    hook.after_train_epoch(runner)
    dataset.skipped = {"missing_file": 2 * len(dataset) + 1}
    with pytest.raises(ValueError, match=r"More than half of the samples of epoch 2 .*missing"):
        hook.after_train_epoch(runner)


def save_backbone(folder: Path, name: str = "pts.backbone.") -> str:
    state = {f"{name}weight": torch.full((4, 3), 7.0), f"{name}bias": torch.full((4,), 7.0)}
    torch.save({"state_dict": state}, folder / "pretrained.pth")
    return str(folder / "pretrained.pth")


def test_pretrained_weights_go_into_the_named_part(tmp_path: Path) -> None:
    path = save_backbone(tmp_path)
    runner = build_runner(tmp_path)
    LoadPretrainedHook(path, "pts.backbone.", module="backbone").before_train(runner)
    assert torch.all(runner.model.backbone.weight == 7)
    assert not torch.any(runner.model.head.weight == 7)


def test_by_default_the_prefix_is_the_part(tmp_path: Path) -> None:
    path = save_backbone(tmp_path, "backbone.")
    runner = build_runner(tmp_path)
    LoadPretrainedHook(path, "backbone.").before_train(runner)
    assert torch.all(runner.model.backbone.weight == 7)


def test_without_a_checkpoint_the_weights_stay_random(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)
    before = runner.model.backbone.weight.clone()
    LoadPretrainedHook(prefix="backbone.").before_train(runner)
    assert torch.equal(runner.model.backbone.weight, before)
    LoadPretrainedHook().before_train(runner)
    for part in ("backbone", "the model"):
        assert f"No checkpoint given: {part} is initialized at random" in read_log(tmp_path)


def test_a_resumed_run_keeps_its_own_weights(tmp_path: Path) -> None:
    path = save_backbone(tmp_path, "backbone.")
    runner = build_runner(tmp_path, **{"train_cfg.max_epochs": 1})
    runner.train()
    LoadPretrainedHook(path, "backbone.").before_train(runner)
    assert not torch.any(runner.model.backbone.weight == 7)
    assert "is not loaded" in read_log(tmp_path)


@pytest.mark.parametrize("only", ["backbone.", ["backbone."]])
def test_what_only_does_not_name_stays_and_need_not_be_there(tmp_path: Path, only: Any) -> None:
    path = save_backbone(tmp_path, "backbone.")
    runner = build_runner(tmp_path)
    before = runner.model.head.weight.clone()
    with pytest.raises(ValueError, match=r"must hold at least 90% .* lacks head"):
        LoadPretrainedHook(path).before_train(runner)
    LoadPretrainedHook(path, only=only).before_train(runner)
    assert torch.all(runner.model.backbone.weight == 7)
    assert torch.equal(runner.model.head.weight, before)


def test_only_must_leave_something_to_load(tmp_path: Path) -> None:
    path, runner = save_backbone(tmp_path, "backbone."), build_runner(tmp_path)
    with pytest.raises(ValueError, match=r'starts with "pts_" .* parts are backbone, head'):
        LoadPretrainedHook(path, only="pts_").before_train(runner)
    with pytest.raises(ValueError, match=r'starts with "backbone." .* parts are head'):
        LoadPretrainedHook(path, ignore=["backbone"], only="backbone.").before_train(runner)


@pytest.mark.parametrize("only", [[], (), ""])
def test_an_empty_only_is_refused(only: Any) -> None:
    with pytest.raises(ValueError, match=r"only=.* is empty; leave it out to load"):
        LoadPretrainedHook(only=only)


def test_a_part_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    hook = LoadPretrainedHook(save_backbone(tmp_path), "pts.backbone.")
    with pytest.raises(ValueError, match=r"no part module=.*; its parts are .*backbone, head"):
        hook.before_train(build_runner(tmp_path))


def test_the_toy_has_the_parts_that_these_tests_count() -> None:
    assert sum(parameter.numel() for parameter in ToyModel().parameters()) == 21
