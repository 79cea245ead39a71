"""Description of a frozen teacher, for the manifest of a cache of its features."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

# What a teacher declares of its map and its input.
DECLARED = ("stride", "cell_offset", "mean", "std")


def describe_teacher(teacher: nn.Module) -> dict[str, Any]:
    """Return all that decides the features of a teacher, as JSON types.

    A teacher without weights of its own, such as a function, is known by its name
    alone.

    Args:
        teacher: A :class:`~.FrozenBackbone`.

    Returns:
        ``network``, the class and, where it has one, the name of the network;
        ``weights``, the SHA-256 of names, shapes and values of its weights and running
        statistics; ``channels``, and what else the teacher declares.
    """
    network: Any = getattr(teacher, "backbone", teacher)
    named = (type(network).__name__, getattr(network, "name", None))
    described = {
        "network": ":".join(str(part) for part in named if part),
        "weights": hash_weights(network),
        "channels": int(getattr(teacher, "out_channels", 0)),
    }
    for name in DECLARED:
        value = getattr(teacher, name, None)
        described[name] = list(value) if isinstance(value, tuple | list) else value
    return described


def hash_weights(network: nn.Module) -> str:
    """Return the SHA-256 of all parameters and persistent buffers, on any device."""
    digest = hashlib.sha256()
    state: Mapping[str, torch.Tensor] = network.state_dict()
    for name, value in sorted(state.items()):
        values = value.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def name_differences(stored: Mapping[str, Any], teacher: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each property in which two teachers differ.

    Args:
        stored: Description of the teacher whose features a cache holds.
        teacher: Description of the teacher of a config.
    """
    names = sorted({*stored, *teacher})
    return [
        f"{name} is {stored.get(name)!r}, not {teacher.get(name)!r}"
        for name in names
        if stored.get(name) != teacher.get(name)
    ]
