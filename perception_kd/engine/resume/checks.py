"""Checks of a checkpoint that a training resumes from."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.nn import Module

from perception_kd.checkpoints.finite import check_finite
from perception_kd.checkpoints.matching import load_report
from perception_kd.checkpoints.stored_config import parse_config
from perception_kd.checkpoints.training_state import TrainingState
from perception_kd.engine.resume.random_states import check_random_states
from perception_kd.engine.resume.settings import compare_settings
from perception_kd.engine.resume.training_data import describe_training_data


def check_same_weights(runner: Runner, state: TrainingState) -> None:
    """Check that a checkpoint has exactly the tensors of the model.

    Args:
        runner: Runner of the training that resumes.
        state: State in the checkpoint.

    Raises:
        ValueError: If names, shapes or types differ, or a tensor is not finite.
    """
    model: Module = runner.model.module if is_model_wrapper(runner.model) else runner.model
    content = dict(
        weights=state.state_dict,
        averaged=state.averaged,
        optimizer=state.optimizer,
        gradients=state.meta.get("gradients", {}),
    )
    check_finite(state.path, content)
    report = load_report(model, state.state_dict)
    dtypes = {name: value.dtype for name, value in model.state_dict().items()}
    differing = [
        *(n for n, v in state.state_dict.items() if n in dtypes and v.dtype != dtypes[n]),
        *report.missing,
        *report.unexpected,
        *(name for name, *_ in report.mismatched),
    ]
    if differing:
        raise ValueError(
            f"--resume: {state.path} does not match the model of {runner.cfg.filename} "
            f"({len(differing)} tensors differ, e.g. {differing[0]}); resume from a "
            "checkpoint of that run, or set another --work-dir."
        )


def check_averaged(runner: Runner, state: TrainingState) -> None:
    """Check that a checkpoint has averaged weights if this training averages.

    mmengine would begin a new average, from the weights so far.

    Args:
        runner: Runner of the training that resumes, after its hooks were set up.
        state: State in the checkpoint.

    Raises:
        ValueError: If averages are missing, or are those of another model.
    """
    for hook in runner.hooks:
        if not isinstance(hook, EMAHook):
            continue
        wanted = {name: value.shape for name, value in hook.ema_model.state_dict().items()}
        found = {name: value.shape for name, value in state.averaged.items()}
        differing = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
        if differing:
            raise ValueError(
                f"--resume: {state.path} has no averaged weights, or others than "
                f"{type(hook).__name__} of {runner.cfg.filename} needs ({len(differing)} tensors "
                f"differ, e.g. {differing[0]}); resume from a checkpoint of that run, or set "
                "another --work-dir."
            )


def check_data(runner: Runner, state: TrainingState, *, by_epoch: bool) -> None:
    """Check that the training data and the number of processes are those before.

    Args:
        runner: Runner of the training that resumes.
        state: State in the checkpoint.
        by_epoch: Whether the loop counts epochs.

    Raises:
        ValueError: If they differ.
    """
    now = {**describe_training_data(runner.train_dataloader), "world_size": runner.world_size}
    stored = state.meta.get("training_data")
    before = dict(stored) if isinstance(stored, Mapping) else {}
    before["world_size"] = state.meta.get("world_size", runner.world_size)
    names = {
        "world_size": "number of processes",
        "samples": "number of samples",
        "steps_per_epoch": "number of steps per epoch",
        "tokens": "samples (hash of their tokens)",
        "content": "info file (hash of what it says of the samples)",
        "caches": "cache (hash of its settings, by folder)",
    }
    for key, name in names.items():
        if key in before and before[key] != now[key]:
            raise ValueError(
                f"--resume: {name} differs: {state.path} {before[key]}, this run {now[key]}; "
                "resume with the data and processes of that run, or start a new training in "
                "another --work-dir."
            )
    steps = len(runner.train_dataloader)
    if by_epoch and not state.epoch * steps <= state.steps <= (state.epoch + 1) * steps:
        raise ValueError(
            f"--resume: {state.path} has {state.steps} steps in {state.epoch} epochs, but an "
            f"epoch of {runner.cfg.filename} has {steps}; resume with the data, batch size and "
            "number of processes of that run, or start a new training in another --work-dir."
        )


def check_settings(runner: Runner, state: TrainingState) -> bool:
    """Check that the settings are those before; log changes of the schedule.

    Args:
        runner: Runner of the training that resumes.
        state: State in the checkpoint.

    Returns:
        Whether the schedule has to be rebuilt.

    Raises:
        ValueError: If a setting differs that a resumed training may not change.
    """
    try:
        stored = parse_config(state.config)
    except ValueError as error:
        raise ValueError(f"--resume: {state.path}: {error}.") from error
    seed, stored_seed = (runner.cfg.get("randomness") or {}).get("seed"), state.meta.get("seed")
    if None not in (seed, stored_seed) and seed != stored_seed:
        raise ValueError(
            f"--resume: {state.path} was trained with seed {stored_seed}, but randomness.seed is "
            f"{seed}; resume with that seed, or start a new training in another --work-dir."
        )
    changes = compare_settings(stored, parse_config(runner.cfg.pretty_text))
    if changes.refused:
        listed = "; ".join(map(str, changes.refused[:4]))
        more = len(changes.refused) - 4
        raise ValueError(
            f"--resume: {state.path} was trained with other settings: {listed}"
            + (f"; and {more} more" if more > 0 else "")
            + ". Resume with those, or start a new training in another --work-dir."
        )
    if state.epoch > runner.train_loop.max_epochs:
        raise ValueError(
            f"--resume: {state.path} has {state.epoch} epochs, but train_cfg.max_epochs is "
            f"{runner.train_loop.max_epochs}; set more epochs."
        )
    if state.epoch == runner.train_loop.max_epochs:
        runner.logger.warning(
            f"--resume: {state.path} has all {state.epoch} epochs, so no step is left; to "
            "continue, set a larger train_cfg.max_epochs."
        )
    for change in changes.rebuilt:
        runner.logger.warning(f"The schedule is rebuilt for the resumed step, since {change}.")
    if runner.param_schedulers and state.schedules is None and not changes.rebuilt:
        raise ValueError(
            f"--resume: {state.path} has no state of the schedule; resume from a checkpoint "
            "written with save_param_scheduler=True."
        )
    return bool(changes.rebuilt)


def own_random_states(runner: Runner, state: TrainingState) -> dict[str, Any] | None:
    """Return the states of this process's generators; None in older checkpoints.

    Args:
        runner: Runner of the training that resumes.
        state: State in the checkpoint.

    Raises:
        ValueError: If they are damaged.
    """
    every = state.meta.get("random_states")
    if every is None:
        runner.logger.warning(
            f"--resume: {state.path} is of an older version, without the states of random "
            "number generators: draws inside the resumed epoch differ."
        )
        return None
    own = every[runner.rank] if isinstance(every, list) and len(every) > runner.rank else None
    try:
        check_random_states(own)
    except ValueError as error:
        raise ValueError(f"--resume: {state.path}: {error}; use another checkpoint.") from error
    states: dict[str, Any] | None = own
    return states
