"""A training on nothing is an error, and empty batches are counted."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from perception_kd.engine.hooks import EmptyBatchesHook
from perception_kd.models.networks.task_model import Supervision, TaskModel
from tests.engine.toy import ToyModel


class Model(TaskModel):
    """A model of pairs."""

    @property
    def supervision(self) -> Supervision:
        """Pairs."""
        return Supervision("pairs", ("num_pairs", "num_others"), "check the cameras")

    def loss(self, inputs: Any, data_samples: Any) -> Any:
        """Not used."""

    def forward_tensor(self, inputs: Any) -> Any:
        """Not used."""


def run(counts: list[int], num_batches: int = 50, model: Any = None, steps: int = 0) -> list[str]:
    """Run an epoch of batches with these numbers of pairs; return its warnings."""
    warnings: list[str] = []
    logger = SimpleNamespace(warning=warnings.append)
    loader = range(steps or len(counts))
    state = dict(iter=0, epoch=0, logger=logger, train_dataloader=loader)
    runner: Any = SimpleNamespace(model=model or Model(), **state)
    hook = EmptyBatchesHook(num_batches)
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    for count in counts:
        outputs = {"num_pairs": torch.tensor(float(count)), "loss": torch.zeros(())}
        hook.after_train_iter(runner, runner.iter, outputs=outputs)
        runner.iter += 1
    hook.after_train_epoch(runner)
    return warnings


def test_the_first_batches_without_any_pair_are_an_error() -> None:
    text = "nothing to learn from: the first 3 batches have no pairs at all. Please check the cam"
    with pytest.raises(ValueError, match=text):
        run([0, 0, 0, 1], num_batches=3)
    run([0, 0, 1, 0], num_batches=3)


def test_an_epoch_without_any_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="all batches of epoch 1 have no pairs at all"):
        run([0, 0])


def test_empty_batches_are_counted() -> None:
    assert run([5, 0, 3, 0, 1]) == ["2 of 5 batches of epoch 1 have no pairs; check the cameras."]
    assert run([5, 3]) == []


def test_the_end_of_a_resumed_epoch_may_be_empty() -> None:
    assert run([0], steps=9) == ["1 of 1 batches of epoch 1 have no pairs; check the cameras."]


def test_models_that_count_nothing_are_left_alone() -> None:
    assert run([0, 0], model=ToyModel()) == []


def test_rejects_a_number_of_batches_below_one() -> None:
    with pytest.raises(ValueError, match="num_batches must be positive, but got 0"):
        EmptyBatchesHook(0)
