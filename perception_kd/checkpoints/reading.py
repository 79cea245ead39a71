"""Read checkpoint files, with ``weights_only`` on and onto the CPU."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# Where published checkpoints keep their weights, in the order in which they are tried:
# mmengine and MoCo, OpenPCDet, SwAV and torch hub, DINO.
_ENTRIES = ("state_dict", "model_state", "model", "model_state_dict", "teacher")
# What torch raises for a file that is truncated, no checkpoint, or holds other objects.
_READ_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        path: The file.
        state_dict: Name to tensor.
        meta: What mmengine's runner stores beside the weights, such as
            ``dataset_meta``; empty for other files.
        entries: Names of all that the file holds, such as "optimizer".
    """

    path: Path
    state_dict: dict[str, Tensor]
    meta: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()


def read_checkpoint(path: str | Path, entry: str = "") -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: File written by ``torch.save``.
        entry: Key of the file's dict that holds the weights; by default the file itself
            if it holds only tensors, else the first of the usual keys.

    Returns:
        Its weights and metadata.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a checkpoint, is truncated, holds objects other
            than tensors and plain values, or has no such entry.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No checkpoint at {path}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _READ_ERRORS as error:
        # Not torch's own message: it advises to run code that the file brings.
        raise ValueError(
            f"Cannot read the checkpoint {path} ({type(error).__name__}): it is truncated, not a "
            "checkpoint, or holds objects other than tensors and plain values; download it again, "
            "or save its state_dict alone."
        ) from error
    weights = _find_weights(content, entry)
    if not weights:
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content)
        wanted = f'"{entry}"' if entry else f"any of {', '.join(_ENTRIES)}"
        raise ValueError(f"The checkpoint {path} has no weights under {wanted}; it has {found}.")
    meta = content.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    return Checkpoint(Path(path), weights, meta, tuple(map(str, content)))


def _find_weights(content: object, entry: str) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        return {}
    candidates = [content.get(name) for name in ((entry,) if entry else _ENTRIES)]
    if not entry:
        candidates.append(content)
    for candidate in candidates:
        if isinstance(candidate, Mapping):
            tensors = {str(k): v for k, v in candidate.items() if isinstance(v, Tensor)}
            if tensors:
                return tensors
    return {}
