"""Epochs that fit a time, and schedules that end with them."""

import math
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

from perception_kd.api.pretraining.length import (
    Length,
    choose_length,
    count_length,
    fit_length,
    measure_step,
    set_length,
)
from perception_kd.engine.hooks import TimeLimitHook
from tests.engine.toy import ToyModel, write_config


@pytest.mark.parametrize("num_samples", [1, 7, 100, 3000, 28000])
@pytest.mark.parametrize("seconds", [1.0, 60.0, 1800.0, 86400.0])
@pytest.mark.parametrize("per_step", [1, 2, 16])
def test_a_length_never_takes_more_than_its_time(
    num_samples: int, seconds: float, per_step: int
) -> None:
    step_s = 0.7
    length = fit_length(seconds, step_s, num_samples, per_step)
    used = math.ceil(num_samples / length.sample_step)
    assert length.steps == math.ceil(used / per_step)
    total_s = length.epochs * length.steps * step_s
    assert total_s <= seconds or (length.epochs, length.steps) == (1, 1)
    # It wastes at most one epoch of four or more, unless there are 200.
    assert total_s > 0.7 * seconds or length.epochs == 200 or length.steps == 1
    assert length.epochs >= 4 or length.steps == 1


def test_a_schedule_ends_with_the_training() -> None:
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=dict(ann_file="x_infos_train.pkl")),
            default_hooks=dict(checkpoint=dict(interval=1)),
        )
    )
    set_length(cfg, Length(epochs=10, sample_step=3, steps=40), minutes=5, step_s=1.5)
    rise, fall = cfg.param_scheduler
    assert (rise["end"], fall["begin"], fall["end"], fall["T_max"]) == (20, 20, 400, 380)
    assert cfg.train_cfg == dict(by_epoch=True, max_epochs=10, val_interval=10)
    assert cfg.train_dataloader.dataset.sample_step == 3
    assert cfg.default_hooks.checkpoint.interval == 2  # two minutes are 80 steps
    assert cfg.custom_hooks == [dict(type="TimeLimitHook", minutes=5)]
    set_length(cfg, Length(epochs=10, sample_step=1, steps=1), minutes=None, step_s=0.1)
    assert cfg.default_hooks.checkpoint.interval == 2  # five in all, however short


def test_epochs_as_given_have_all_frames_and_no_limit() -> None:
    length = count_length(3, num_samples=101, per_step=2)
    assert length == Length(epochs=3, sample_step=1, steps=51)


def test_steps_of_a_training_are_measured_and_thrown_away(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert 0 < measure_step(config, most_s=60) < 1.0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".measure_")]
    assert not list(tmp_path.rglob("*.pth"))


def test_of_slow_steps_two_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ToyModel.train_step
    steps: list[int] = []

    def train_step(model: ToyModel, *args: Any, **kwargs: Any) -> Any:
        steps.append(len(steps))
        time.sleep(0.2 if len(steps) > 1 else 0.4)
        return original(model, *args, **kwargs)

    monkeypatch.setattr(ToyModel, "train_step", train_step)
    assert 0.2 < measure_step(write_config(tmp_path), most_s=0.3) < 0.4
    assert len(steps) == 2


def test_a_thinned_out_recording_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "perception_kd.api.pretraining.length.measure_step", lambda path, most_s: 1.0
    )
    length, step_s, choices = choose_length(Path("x.py"), 10, num_samples=2000, per_step=2)
    assert (length.sample_step, step_s) == (8, 1.0)
    assert length.epochs * length.steps <= 540
    assert choices[0].reason.startswith("10 minutes at 1.00 s per step of 2 samples")
    assert (
        str(choices[1]) == "frames: one of every 8, of 2000 (so that four epochs fit into the time)"
    )


def test_a_minute_is_said_in_the_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "perception_kd.api.pretraining.length.measure_step", lambda path, most_s: 1.0
    )
    _, _, choices = choose_length(Path("x.py"), 1, num_samples=2, per_step=1)
    assert choices[0].reason.startswith("1 minute at 1.00 s")


def test_a_limit_is_positive() -> None:
    with pytest.raises(ValueError, match="minutes must be positive, but got 0"):
        TimeLimitHook(0)
