"""The state of a training in a checkpoint, checked before anything is resumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from perception_kd.checkpoints.reading import read_content

_ENTRIES = ("state_dict", "optimizer", "message_hub")


@dataclass(frozen=True)
class TrainingState:
    """State that a training writes besides its weights.

    Attributes:
        path: The file.
        epoch: Number of epochs that are done.
        steps: Number of steps that are done.
        config: Text of the config.
        state_dict: Name to tensor.
        optimizer: State of the optimizer.
        has_schedule: Whether there is a state of the schedule.
        meta: All that is stored about the run.
    """

    path: Path
    epoch: int
    steps: int
    config: str
    state_dict: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]
    has_schedule: bool
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
    for name in _ENTRIES:
        if name not in content:
            raise ValueError(_lacking(path, f'entry "{name}"'))
    meta = content.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    for name, kind in (("epoch", int), ("iter", int), ("cfg", str)):
        if not isinstance(meta.get(name), kind):
            raise ValueError(_lacking(path, f'entry "meta.{name}"'))
        if kind is int and meta[name] < 0:
            raise ValueError(_lacking(path, f'usable "meta.{name}", which is {meta[name]}'))
    return TrainingState(
        Path(path),
        meta["epoch"],
        meta["iter"],
        meta["cfg"],
        content["state_dict"],
        content["optimizer"],
        "param_schedulers" in content,
        meta,
    )


def _lacking(path: str | Path, what: str) -> str:
    return (
        f"--resume: {path} has no {what}: it does not hold the state of a training; resume from "
        "an epoch_*.pth or iter_*.pth of one, or start a new training from its weights with "
        "load_pretrained_from."
    )
