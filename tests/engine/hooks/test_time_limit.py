"""A training stops after the epoch in which its time is over."""

from types import SimpleNamespace
from typing import Any

import pytest

from perception_kd.engine.hooks import TimeLimitHook
from perception_kd.engine.hooks.time_limit import SECONDS_ENTRY


def make_runner(max_epochs: int = 10, spent: float = 0.0) -> Any:
    info: dict[str, float] = {SECONDS_ENTRY: spent}
    hub = SimpleNamespace(runtime_info=info, update_info=info.__setitem__)
    warnings: list[str] = []
    return SimpleNamespace(
        epoch=0,
        max_epochs=max_epochs,
        message_hub=hub,
        train_loop=SimpleNamespace(stop_training=False),
        logger=SimpleNamespace(warning=warnings.append),
        warnings=warnings,
    )


def run(runner: Any, seconds_per_epoch: float, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run epochs until the training stops; return their number."""
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock) * seconds_per_epoch)
    hook = TimeLimitHook(minutes=1)
    hook.before_train(runner)
    while runner.epoch < runner.max_epochs and not runner.train_loop.stop_training:
        hook.after_train_epoch(runner)
        runner.epoch += 1
    return int(runner.epoch)


def test_the_epoch_in_which_the_time_is_over_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make_runner()
    assert run(runner, 25.0, monkeypatch) == 3
    assert runner.warnings[0].startswith("Stopping after epoch 3 of 10: 1.2 minutes are over")
    assert run(make_runner(), 1.0, monkeypatch) == 10


def test_the_time_of_earlier_runs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make_runner(spent=40.0)
    assert run(runner, 25.0, monkeypatch) == 1
    assert runner.message_hub.runtime_info[SECONDS_ENTRY] == 65.0


def test_the_end_of_the_schedule_is_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make_runner(max_epochs=3)
    assert run(runner, 25.0, monkeypatch) == 3
    assert runner.warnings == []
