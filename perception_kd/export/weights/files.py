"""Files of weights: writing what was exported, reading those of other stacks."""

from pathlib import Path
from typing import Any

import torch

from perception_kd.checkpoints.reading import Checkpoint, read_checkpoint, read_content
from perception_kd.export.weights.stack import Stack, StateDict
from perception_kd.io.atomic import open_whole


def write_weights(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint file whole or not at all.

    Args:
        path: File to write, in a folder that exists.
        content: What it holds.
    """
    with open_whole(path) as file:
        torch.save(content, file)


def pack_own(state: StateDict, origin: str) -> dict[str, Any]:
    """Return the content of a checkpoint of this project.

    Args:
        state: Tensors by our names.
        origin: Where they are from.
    """
    return {"state_dict": state, "meta": {"imported_from": origin}}


def read_foreign(path: str | Path, stack: Stack) -> Checkpoint:
    """Read a checkpoint of another stack.

    Args:
        path: The file.
        stack: The stack, which says where its weights are.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or has no weights.
    """
    entries = [entry for entry in stack.entries if entry]
    content = read_content(path) if entries else {}
    has = [entry for entry in entries if isinstance(content, dict) and entry in content]
    return read_checkpoint(path, has[0] if has else "")
