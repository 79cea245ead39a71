"""Rebuild a schedule at the step where a training resumes."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop


def read_rates(optim_wrapper: OptimWrapper) -> list[dict[str, Any]]:
    """Return all settings of each group of parameters: rate, decay, momentum.

    Args:
        optim_wrapper: A wrapper as the config builds it, before a state is loaded.
    """
    groups = optim_wrapper.optimizer.param_groups
    return [{key: value for key, value in group.items() if key != "params"} for group in groups]


def rebuild_schedule(
    optim_wrapper: OptimWrapper,
    schedulers: Any,
    rates: Sequence[Mapping[str, Any]],
    loop: BaseLoop,
) -> None:
    """Advance a new schedule to the step of the loop, in place.

    The schedulers step as in a training from the first step on, so the rates are those
    of a training that has had this schedule all along.

    Args:
        optim_wrapper: A wrapper with the state of a checkpoint, whose groups get the
            rates of the config.
        schedulers: Its schedulers as the config builds them.
        rates: Settings of each group, from :func:`read_rates`.
        loop: Loop with the step that the training resumes at.

    Raises:
        ValueError: If a scheduler depends on scores, which cannot be repeated.
    """
    for group, settings in zip(optim_wrapper.optimizer.param_groups, rates, strict=True):
        group.update(settings)
    schedulers = list(schedulers or ())
    for scheduler in schedulers:
        if getattr(scheduler, "need_val_args", False):
            raise ValueError(
                f"--resume: {type(scheduler).__name__} depends on the scores so far, so a changed "
                "schedule cannot be built at the resumed step; resume with the settings of the "
                "checkpoint, or start a new training in another --work-dir."
            )
    with warnings.catch_warnings():
        # The optimizer has not made these steps, of which schedulers warn.
        warnings.simplefilter("ignore")
        _step(schedulers, loop)


def _step(schedulers: Sequence[Any], loop: BaseLoop) -> None:
    by_step = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    steps_per_epoch = len(loop.dataloader)
    for step in range(1, loop.iter + 1):
        for scheduler in by_step:
            scheduler.step()
        if step % steps_per_epoch == 0 and step // steps_per_epoch <= loop.epoch:
            for scheduler in by_epoch:
                scheduler.step()
