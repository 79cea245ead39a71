"""The state of a training in a checkpoint, checked before anything is resumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from perception_kd.checkpoints.reading import read_content

_ENTRIES = ("state_dict", "optimizer", "message_hub")
_AVERAGED = "ema_state_dict"
# What the hook of checkpoints notes, by which it removes outdated ones.
_STEP_LISTS = ("keep_ckpt_ids", "outdated_ckpt_ids")


@dataclass(frozen=True)
class TrainingState:
    """State that a training writes besides its weights.

    Attributes:
        path: The file.
        epoch: Number of epochs that are done.
        steps: Number of steps that are done.
        config: Text of the config.
        state_dict: Name to tensor.
        averaged: Name to tensor of the averaged weights; empty without any. A training
            that averages stores its own weights here, and the averages in
            ``state_dict``.
        optimizer: State of the optimizer.
        schedules: States of the schedules; None where they were not saved.
        meta: All that is stored about the run.
    """

    path: Path
    epoch: int
    steps: int
    config: str
    state_dict: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    schedules: Any
    meta: Mapping[str, Any]


def read_training_state(path: str | Path) -> TrainingState:
    """Read a checkpoint to resume from.

    Args:
        path: File written during a training.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or lacks what a training writes.
    """
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise ValueError(_lacking(path, "entries of a training"))
    fault = _find_fault(content)
    if fault:
        raise ValueError(_lacking(path, fault))
    meta = content["meta"]
    return TrainingState(
        Path(path),
        meta["epoch"],
        meta["iter"],
        meta["cfg"],
        content["state_dict"],
        content.get(_AVERAGED, {}),
        content["optimizer"],
        content.get("param_schedulers"),
        meta,
    )


def _find_fault(content: Mapping[str, Any]) -> str:
    """Return the missing or unusable entry of a file's content; empty if none."""
    for name in _ENTRIES:
        if name not in content:
            return f'entry "{name}"'
    for name in ("state_dict", _AVERAGED):
        weights = content.get(name, {})
        if not isinstance(weights, Mapping) or not all(map(_is_tensor, weights.values())):
            return f'usable entry "{name}", which must be a dict of tensors'
    if not isinstance(content["optimizer"], Mapping):
        return 'usable entry "optimizer", which must be a dict'
    return _find_meta_fault(content.get("meta")) or _find_hub_fault(content["message_hub"])


def _find_hub_fault(hub: Any) -> str:
    """Return which list of kept checkpoints is not one of steps; empty if all are."""
    notes: Any = hub.get("runtime_info") if isinstance(hub, Mapping) else None
    if not isinstance(notes, Mapping):
        return ""
    for name in _STEP_LISTS:
        steps = notes.get(name) or []
        if not isinstance(steps, list | tuple) or not all(type(x) is int for x in steps):
            return f'usable "message_hub.runtime_info.{name}", which must be numbers of steps'
    return ""


def _find_meta_fault(meta: Any) -> str:
    for name, kind in (("epoch", int), ("iter", int), ("cfg", str)):
        value = meta.get(name) if isinstance(meta, Mapping) else None
        if not isinstance(value, kind):
            return f'entry "meta.{name}"'
        if isinstance(value, int) and value < 0:
            return f'usable "meta.{name}", which is {value}'
    if not isinstance(meta.get("gradients", {}), Mapping):
        return 'usable entry "meta.gradients", which must be a dict'
    return ""


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _lacking(path: str | Path, what: str) -> str:
    return (
        f"--resume: {path} has no {what}: it does not hold the state of a training; resume from "
        "an epoch_*.pth or iter_*.pth of one, or start a new training from its weights with "
        "load_pretrained_from."
    )
