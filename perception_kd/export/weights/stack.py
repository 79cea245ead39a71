"""Another stack: its names, its files, and tensors without a place in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from perception_kd.export.weights.layers import LayerPair

StateDict = dict[str, Tensor]


def _as_state_dict(state: StateDict) -> dict[str, Any]:
    return {"state_dict": state}


def _unchanged(state: StateDict) -> StateDict:
    return state


@dataclass(frozen=True)
class Stack:
    """Another stack, as far as weights are concerned.

    Attributes:
        name: As ``--to`` and ``--from`` have it.
        list_layers: Pairs the layers of a model with the stack's; layers that have no
            place there are left out.
        reasons: Why a part has no place, by its name in the model.
        pack: The content of the stack's checkpoint file.
        entries: Keys of such a file that may hold the weights, first first; "" is the
            key that is found.
        complete: Adds tensors that the stack has and ours does not.
        simplify: The reverse: brings their tensors to those that ours has.
        norm_eps: The epsilon of the stack's norms by the beginning of their names.
    """

    name: str
    list_layers: Callable[[nn.Module], Iterator[LayerPair]]
    reasons: Mapping[str, str] = field(default_factory=dict)
    pack: Callable[[StateDict], dict[str, Any]] = _as_state_dict
    entries: Sequence[str] = ("",)
    complete: Callable[[StateDict], StateDict] = _unchanged
    simplify: Callable[[StateDict], StateDict] = _unchanged
    norm_eps: Mapping[str, float] = field(default_factory=dict)
