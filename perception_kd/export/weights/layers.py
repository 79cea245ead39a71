"""Pairs of layers: one of ours, and the one of another stack that has its weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from perception_kd.export.weights.layouts import SAME, Layout

Layouts = Mapping[str, Layout]


@dataclass(frozen=True)
class LayerPair:
    """A layer of ours, and where another stack has its weights.

    Attributes:
        ours: Dotted name of the layer in the model.
        theirs: Dotted name in the other stack.
        layouts: Layouts of tensors by their names in our layer, such as "weight"; the
            others are stored alike.
        leaves: Their names of tensors by ours, where these differ.
    """

    ours: str
    theirs: str
    layouts: Layouts = field(default_factory=dict)
    leaves: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TensorPair:
    """A tensor of ours, and its name and layout in another stack.

    Attributes:
        ours: Name in the model.
        theirs: Name in the other stack.
        layout: Their layout.
    """

    ours: str
    theirs: str
    layout: Layout


def list_tensors(model: nn.Module, layers: Iterator[LayerPair]) -> list[TensorPair]:
    """Return the pairs of tensors that pairs of layers have.

    Args:
        model: Model with our layers.
        layers: Pairs of layers.
    """
    pairs = []
    for layer in layers:
        for leaf in own_tensors(model.get_submodule(layer.ours)):
            theirs = layer.leaves.get(leaf, leaf)
            layout = layer.layouts.get(leaf, SAME)
            pairs.append(TensorPair(f"{layer.ours}.{leaf}", f"{layer.theirs}.{theirs}", layout))
    return pairs


def own_tensors(layer: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and persistent buffers that a layer itself stores."""
    return {name: value for name, value in layer.state_dict().items() if "." not in name}


def same_names(
    model: nn.Module,
    ours: str,
    theirs: str,
    layouts_of: Callable[[nn.Module], Layouts] = lambda layer: {},
) -> Iterator[LayerPair]:
    """Pair all layers of a part with those of the same names in another part.

    Args:
        model: Model with our part.
        ours: Name of our part; a part that the model lacks has no layers.
        theirs: Name of theirs.
        layouts_of: Layouts of a layer's tensors.
    """
    part = getattr(model, ours, None)
    for name, layer in part.named_modules() if isinstance(part, nn.Module) else ():
        if own_tensors(layer):
            ending = f".{name}" if name else ""
            yield LayerPair(f"{ours}{ending}", f"{theirs}{ending}", layouts_of(layer))


def is_sparse(layer: nn.Module) -> bool:
    """Return whether a layer is a sparse convolution."""
    return any(base.__name__ == "SparseConvolution" for base in type(layer).__mro__)
