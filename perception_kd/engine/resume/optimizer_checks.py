"""Checks of the states of optimizer and schedule that a training resumes with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.runner import Runner
from torch import Tensor

from perception_kd.checkpoints.training_state import TrainingState
from perception_kd.utils.finite import find_nonfinite

# Statistics of optimizers that have the shape of their parameter.
_LIKE_PARAMETER = ("momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg")
_NUMBERS = ("lr", "initial_lr", "weight_decay", "momentum", "eps")


def count_states(optimizer: Any) -> int:
    """Return for how many parameters an optimizer holds statistics."""
    return sum(1 for values in optimizer.state.values() if values)


def check_optimizer(runner: Runner, state: TrainingState) -> None:
    """Check that the state of the optimizer is complete and fits the parameters.

    torch accepts a state without statistics, or with those of another parameter, and
    then fails later or continues with wrong statistics.

    Args:
        runner: Runner of the training that resumes.
        state: State in the checkpoint.

    Raises:
        ValueError: If it is not.
    """
    fault = _find_fault(runner.optim_wrapper.optimizer, state)
    if fault:
        raise ValueError(
            f"--resume: the optimizer of {state.path} does not fit this training: {fault}; resume "
            "from another checkpoint, or start a new training from its weights with "
            "load_pretrained_from."
        )


def check_schedule(runner: Runner, state: TrainingState, *, by_epoch: bool) -> None:
    """Check that the state of the schedule is that of the checkpoint's step.

    Args:
        runner: Runner of the training that resumes, with unchanged settings.
        state: State in the checkpoint.
        by_epoch: Whether the loop counts epochs.

    Raises:
        ValueError: If a schedule is missing, or stands at another step.
    """
    wanted, found = list(runner.param_schedulers or ()), state.schedules
    if len(wanted) != len(found) or not all(isinstance(each, Mapping) for each in found):
        fault = f"it has {len(found)} schedules, but the config {len(wanted)}"
    else:
        fault = next(_find_other_steps(wanted, found, state, by_epoch=by_epoch), "")
    if fault:
        raise ValueError(
            f"--resume: the schedule of {state.path} does not fit this training: {fault}; resume "
            "from another checkpoint."
        )


def _find_fault(optimizer: Any, state: TrainingState) -> str:
    now, groups = optimizer.state_dict()["param_groups"], state.optimizer.get("param_groups")
    values = state.optimizer.get("state")
    if not isinstance(groups, list) or not isinstance(values, Mapping):
        return "it has entries that do not fit this training"
    if len(groups) != len(now) or not all(isinstance(group, Mapping) for group in groups):
        return f"it has {len(groups)} entries of parameters, but the model {len(now)}"
    if any(group.get("params") != own["params"] for group, own in zip(groups, now, strict=True)):
        return "it has other parameters, or another order of them"
    for number, group in enumerate(groups):
        wrong = [
            k for k in _NUMBERS if k in now[number] and not _is_number_or_tensor(group.get(k, 0.0))
        ]
        if wrong or "lr" not in group:
            return f"{(wrong or ['lr'])[0]} of parameters {number} is not a number"
    wanted = state.meta.get("optimizer_states")
    count = sum(1 for each in values.values() if each)
    if isinstance(wanted, int) and wanted != count:
        return f"it has statistics of {count} parameters, but was saved with those of {wanted}"
    return _find_other_shape(optimizer, now, values)


def _find_other_shape(
    optimizer: Any, groups: Sequence[Mapping[str, Any]], values: Mapping[Any, Any]
) -> str:
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    numbers = [number for group in groups for number in group["params"]]
    for number, parameter in zip(numbers, parameters, strict=True):
        found = values.get(number) or {}
        if not isinstance(found, Mapping):
            return f"its statistics of parameter {number} are not a dict"
        for name in _LIKE_PARAMETER:
            value = found.get(name)
            if isinstance(value, Tensor) and value.shape != parameter.shape:
                shapes = f"{tuple(value.shape)}, not {tuple(parameter.shape)}"
                return f"{name} of parameter {number} has shape {shapes}"
    return ""


def _find_other_steps(
    schedulers: Sequence[Any],
    states: Sequence[Mapping[str, Any]],
    state: TrainingState,
    *,
    by_epoch: bool,
) -> Iterator[str]:
    for number, (scheduler, stored) in enumerate(zip(schedulers, states, strict=True)):
        if find_nonfinite({k: v for k, v in stored.items() if k in ("last_value", "_last_value")}):
            yield f"schedule {number} has a rate of NaN or infinity"
        if scheduler.by_epoch and not by_epoch:
            continue
        wanted = state.epoch if scheduler.by_epoch else state.steps
        if stored.get("_global_step") != wanted:
            yield f"schedule {number} stands at {stored.get('_global_step')}, not {wanted}"
        if not isinstance(stored.get("last_step"), int) or stored["last_step"] > wanted:
            yield f"schedule {number} has the last step {stored.get('last_step')}"


def _is_number_or_tensor(value: Any) -> bool:
    return isinstance(value, int | float | Tensor) and not isinstance(value, bool)
