"""Checkpoints say which values the points of their training had."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from perception_kd.checkpoints.reading import RANGES_ENTRY
from perception_kd.engine.hooks import PointRangesHook

RUNNER: Any = SimpleNamespace()


def save(hook: PointRangesHook) -> Any:
    checkpoint: dict[str, Any] = {"meta": {}}
    hook.before_save_checkpoint(RUNNER, checkpoint)
    return checkpoint["meta"].get(RANGES_ENTRY)


def step(hook: PointRangesHook, *clouds: list[list[float]]) -> None:
    batch = {"inputs": {"points": [torch.tensor(cloud).reshape(-1, 2) for cloud in clouds]}}
    hook.after_train_iter(RUNNER, 0, batch)


def test_the_first_batches_are_noted() -> None:
    hook = PointRangesHook(num_batches=2)
    assert save(hook) is None
    step(hook, [[1, 7], [3, 5]], [[-2, 6]])
    step(hook, [], [[0, 9]])
    assert save(hook) == [[-2, 5], [3, 9]]
    step(hook, [[100, 100]])
    assert save(hook) == [[-2, 5], [3, 9]]


def test_a_resumed_training_keeps_what_was_noted() -> None:
    hook = PointRangesHook()
    hook.after_load_checkpoint(RUNNER, {"meta": {RANGES_ENTRY: [[0, 0], [1, 255]]}})
    step(hook, [[100, 1]])
    assert save(hook) == [[0, 0], [1, 255]]


@pytest.mark.parametrize("batch", [None, {"inputs": {}}, {"x": 1}, {"inputs": torch.zeros(2)}])
def test_batches_without_points_are_none_of_its_business(batch: Any) -> None:
    hook = PointRangesHook()
    hook.after_train_iter(RUNNER, 0, batch)
    assert save(hook) is None


def test_a_number_of_batches_is_positive() -> None:
    with pytest.raises(ValueError, match="num_batches must be positive, but got 0"):
        PointRangesHook(0)
