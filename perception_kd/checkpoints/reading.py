"""Read checkpoint files, with ``weights_only`` on and onto the CPU."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perception_kd.checkpoints.archive import check_whole, is_archive
from perception_kd.io.memory import bounded_memory

# Entry of "meta" with the least and the greatest values of the training's points.
RANGES_ENTRY = "point_ranges"
# Where published checkpoints keep their weights, in the order in which they are tried:
# mmengine and MoCo, OpenPCDet, SwAV and torch hub, DINO.
_ENTRIES = ("state_dict", "model_state", "model", "model_state_dict", "teacher")
# Size of the memory that a file may need, in sizes of the file.
_MEMORY_FACTOR = 4
_MAX_DEPTH, _MAX_VALUES = 50, 1_000_000
_MAX_REPEATED_BYTES = 2**28


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        path: The file.
        state_dict: Name to tensor.
        meta: What mmengine's runner stores besides the weights, such as
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
        ValueError: If the file is not a checkpoint, is truncated or damaged, holds
            objects other than tensors and plain values, or has no such entry.
    """
    content = read_content(path)
    weights = _find_weights(content, entry)
    if not weights:
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content)
        wanted = f'"{entry}"' if entry else f"any of {', '.join(_ENTRIES)}"
        raise ValueError(
            f"The checkpoint {path} has no weights under {wanted}; it has {found}. "
            "Name the entry that has them, or save its state_dict alone."
        )
    meta = content.get("meta", {})
    if not isinstance(meta, Mapping):
        raise ValueError(
            f'"meta" of the checkpoint {path} must be a dict, but is {type(meta).__name__}; the '
            "file is damaged, or save its state_dict alone."
        )
    return Checkpoint(Path(path), weights, meta, tuple(map(str, content)))


def read_content(path: str | Path, *, tensors: bool = True) -> Any:
    """Read all that a checkpoint file holds, onto the CPU.

    Args:
        path: File written by ``torch.save``.
        tensors: Whether to read the values of tensors, and to check them against the
            file's checksums. Without, only plain values may be used.

    Returns:
        Its content, mostly a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a checkpoint, is truncated or damaged, or holds
            objects other than tensors and plain values.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No checkpoint at {path}; check the path.")
    if tensors and is_archive(path):
        check_whole(path)
    try:
        with warnings.catch_warnings(), bounded_memory(path, _MEMORY_FACTOR):
            warnings.simplefilter("ignore")  # torch asks to report unknown files to it
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=not tensors)
    except Exception as error:  # a damaged pickle can raise anything
        # Not torch's own message: it advises to run code that the file brings.
        raise ValueError(
            f"Cannot read the checkpoint {path} ({type(error).__name__}): it is truncated, not a "
            "checkpoint, or holds objects other than tensors and plain values; download it again, "
            "or save its state_dict alone."
        ) from error
    _check_values(path, content)
    return content


def _check_values(path: str | Path, content: object) -> None:
    """Refuse tensors that have no values, or values that no weight has."""
    left = [(content, "", 0)]
    num_values = 0
    while left:
        value, name, depth = left.pop()
        if isinstance(value, Tensor):
            _check_tensor(path, value, name)
            continue
        parts = _list_parts(value, name)
        num_values += len(parts)
        # A few bytes can say "the same list twice" again and again, or hold themselves.
        if depth > _MAX_DEPTH or num_values > _MAX_VALUES:
            raise ValueError(
                f"The checkpoint {path} is nested too deeply, or has more than {_MAX_VALUES:,} "
                "values besides tensors; save its state_dict alone."
            )
        left += [(part, place, depth + 1) for part, place in reversed(parts)]


def _list_parts(value: object, name: str) -> list[tuple[object, str]]:
    """Return the values in a container with their names; empty for other values."""
    if isinstance(value, Mapping):
        return [(part, f"{name}.{key}" if name else str(key)) for key, part in value.items()]
    if isinstance(value, list | tuple | set):
        return [(part, f"{name}.{number}") for number, part in enumerate(value)]
    return []


def _check_tensor(path: str | Path, value: Tensor, name: str) -> None:
    """Refuse a tensor without values, of another kind than weights, or too large."""
    if value.is_meta:
        raise ValueError(
            f'The checkpoint {path} has no values for {name}: it was saved on the device "meta"; '
            "save the model after its weights are loaded."
        )
    if value.layout != torch.strided or value.is_complex() or value.is_quantized:
        kind = "quantized" if value.is_quantized else f"{value.layout} of {value.dtype}"
        raise ValueError(
            f"{name} of the checkpoint {path} is {kind}, but weights are dense real numbers; save "
            "the model as it was trained."
        )
    num_bytes = value.numel() * value.element_size()
    if num_bytes > max(value.untyped_storage().nbytes(), _MAX_REPEATED_BYTES):
        raise ValueError(
            f"{name} of the checkpoint {path} claims {num_bytes:,} bytes, of which the file holds "
            f"{value.untyped_storage().nbytes():,}; copy or download it again."
        )


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
