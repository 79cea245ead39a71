"""Length of a training: from minutes or epochs to a schedule that ends with them."""

import gc
import math
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from perception_kd.api.pretraining.settings import Choice
from perception_kd.engine.config.overrides import set_training, walk_settings
from perception_kd.engine.run.launch import build_runner, read_config

# The first steps are slower. Steps are measured for some seconds, or up to a maximal
# number of steps; if they are slow, for two steps.
_WARM_UP, _LEAST_S, _MOST_STEPS = 3, 5.0, 40
# Share of the time for validation, checkpoints and the start of workers.
_RESERVE = 0.1
_LEAST_EPOCHS, _MOST_EPOCHS = 4, 200
_CHECKPOINT_S = 120.0


class Length(NamedTuple):
    """Length of a training.

    Attributes:
        epochs: Number of epochs.
        sample_step: Every how many-th frame an epoch has.
        steps: Steps per epoch.
    """

    epochs: int
    sample_step: int
    steps: int


def fit_length(seconds: float, step_s: float, num_samples: int, per_step: int) -> Length:
    """Choose epochs that end with a time.

    Few epochs of all frames would leave no time for the learning rate to decay, so that
    long recordings are thinned out until four epochs fit: neighboring frames are alike.

    Args:
        seconds: Time for all steps.
        step_s: Time of a step.
        num_samples: Number of frames.
        per_step: Samples of a step.

    Example:
        >>> fit_length(600, 1.0, num_samples=100, per_step=2)
        Length(epochs=12, sample_step=1, steps=50)
        >>> fit_length(600, 1.0, num_samples=1000, per_step=2)
        Length(epochs=4, sample_step=4, steps=125)
    """
    affordable = max(1.0, seconds / step_s)
    step = 1
    while step < num_samples and _count_steps(num_samples, step, per_step) > (
        affordable / _LEAST_EPOCHS
    ):
        step += 1
    steps = _count_steps(num_samples, step, per_step)
    return Length(min(_MOST_EPOCHS, max(1, int(affordable / steps))), step, steps)


def count_length(epochs: int, num_samples: int, per_step: int) -> Length:
    """Return the length of a number of epochs of all frames."""
    return Length(epochs, 1, _count_steps(num_samples, 1, per_step))


def set_length(cfg: Config, length: Length, minutes: float | None, step_s: float | None) -> None:
    """Set the length of a training, in place: its schedule ends with it.

    Args:
        cfg: Config to change.
        length: Epochs and steps.
        minutes: Limit after which the training stops; None for none.
        step_s: Time of a step, if it was measured; checkpoints are then written about
            every two minutes, and five times at least, else in each epoch.
    """
    total = length.epochs * length.steps
    warm_up = max(1, total // 20)
    rise = dict(type="LinearLR", start_factor=0.1, end=warm_up, by_epoch=False)
    fall = dict(type="CosineAnnealingLR", begin=warm_up, end=total, by_epoch=False)
    cfg.param_scheduler = [rise, dict(fall, T_max=max(1, total - warm_up))]
    cfg.train_cfg = dict(by_epoch=True, max_epochs=length.epochs, val_interval=length.epochs)
    for each in walk_settings(cfg.train_dataloader.dataset):
        if "ann_file" in each:
            each["sample_step"] = length.sample_step
    epoch_s = length.steps * (step_s or _CHECKPOINT_S)
    interval = max(1, min(length.epochs // 5, round(_CHECKPOINT_S / epoch_s)))
    cfg.default_hooks.checkpoint.update(interval=interval, max_keep_ckpts=2)
    if minutes is not None:
        hook = dict(type="TimeLimitHook", minutes=minutes)
        cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), hook]


def choose_length(
    path: Path, minutes: float, num_samples: int, per_step: int
) -> tuple[Length, float, list[Choice]]:
    """Measure the first steps of a training, and choose the epochs that fit.

    Args:
        path: Config file of the training, without length.
        minutes: Time of the training.
        num_samples: Number of its frames.
        per_step: Samples of a step.

    Returns:
        The length, the time of a step in s, and what was chosen.
    """
    step_s = measure_step(path, most_s=60 * minutes * _RESERVE)
    length = fit_length(60 * minutes * (1 - _RESERVE), step_s, num_samples, per_step)
    length_text = f"{minutes:g} minute{'s' * (minutes != 1)}"
    reason = f"{length_text} at {step_s:.2f} s per step of {per_step} samples, measured"
    choices = [Choice("epochs", str(length.epochs), reason)]
    if length.sample_step > 1:
        about = f"one of every {length.sample_step}, of {num_samples}"
        choices.append(Choice("frames", about, "so that four epochs fit into the time"))
    return length, step_s, choices


def _count_steps(num_samples: int, sample_step: int, per_step: int) -> int:
    return math.ceil(math.ceil(num_samples / sample_step) / per_step)


class _MeasuredError(Exception):
    """Enough steps were measured."""


class _MeasuringHook(Hook):
    """Take the time of steps, then end the training by an exception.

    Args:
        most_s: Time in s after which two steps are enough.
    """

    def __init__(self, most_s: float) -> None:
        self.step_s = math.inf
        self._most_s = most_s
        self._times: list[float] = []

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note the time before the first step."""
        if not self._times:
            self._times.append(time.perf_counter())

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Note the time after a step, and end if enough are measured."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._times.append(time.perf_counter())
        whole, done = self._times[-1] - self._times[0], len(self._times) - 1
        is_slow = done >= 2 and whole >= self._most_s
        first = 1 if is_slow else _WARM_UP
        measured = done - first
        spent = self._times[-1] - self._times[min(first, done)]
        if is_slow or (measured >= 3 and spent >= _LEAST_S) or measured >= _MOST_STEPS:
            self.step_s = spent / measured
            raise _MeasuredError


def measure_step(path: Path, most_s: float) -> float:
    """Train some steps, throw them away, and return the time of one in s.

    Args:
        path: Config of the training.
        most_s: Time in s after which no step starts, except the second.
    """
    cfg = read_config(path)
    set_training(cfg)
    cfg.train_cfg = dict(by_epoch=True, max_epochs=10**6)
    cfg.param_scheduler = cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.optim_wrapper.optimizer.lr = 0.0  # without its schedule, it might diverge
    cfg.default_hooks.update(checkpoint=None, logger=None)
    hook = _MeasuringHook(most_s)
    print_log("Measuring the time of a step.", logger="current")
    with tempfile.TemporaryDirectory(prefix=".measure_", dir=path.parent) as folder:
        cfg.work_dir = folder
        cfg.experiment_name = folder
        runner = build_runner(cfg)
        runner.register_hook(hook)
        with suppress(_MeasuredError):
            runner.train()
        del runner
        gc.collect()  # ends the processes that load data
    return hook.step_s
