"""Bring weights to the names and layouts of another stack, and back."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from perception_kd.checkpoints.matching import list_names
from perception_kd.export.weights.layers import TensorPair, list_tensors
from perception_kd.export.weights.parts import list_network_parts, part_of
from perception_kd.export.weights.stack import Stack, StateDict

_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Translation:
    """Weights in other names.

    Attributes:
        state: Tensors by their new names.
        pairs: Old and new name of each tensor that has been translated.
        left_out: Old names of tensors that have not.
        notes: What differs although the weights are the same, one line each.
    """

    state: StateDict
    pairs: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()


def translate_to(model: nn.Module, stack: Stack, leave_out: Sequence[str] = ()) -> Translation:
    """Translate the weights of a model for another stack.

    Parts of a pre-training that no later training starts from are left out: heads,
    projections, and a frozen image network that teaches.

    Args:
        model: Model with its weights, on the CPU.
        stack: The other stack.
        leave_out: Beginnings of names of the model that are left out.

    Returns:
        Tensors by the names of the stack.

    Raises:
        ValueError: If a tensor of the network has no place there, none is left, or
            ``leave_out`` names nothing.
    """
    state = model.state_dict()
    parts = list_network_parts(model)
    places = _find_places(model, stack, leave_out, "Write a model folder: --to safetensors.")
    pairs = [pair for pair in places if part_of(pair.ours) in parts]
    placed = {pair.ours for pair in pairs}
    if not placed:
        raise ValueError(
            f"Nothing of the {type(model).__name__} has a place in {stack.name}: its network has "
            f"the parts {', '.join(parts) or 'none'}, and of these nothing is left."
        )
    translated = {
        pair.theirs: pair.layout.to_theirs(state[pair.ours]).contiguous().clone() for pair in pairs
    }
    return Translation(
        stack.complete(translated),
        tuple((pair.ours, pair.theirs) for pair in pairs),
        tuple(name for name in state if name not in placed),
        tuple(_compare_norms(model, pairs, stack)),
    )


def translate_from(
    state: Mapping[str, Tensor],
    model: nn.Module,
    stack: Stack,
    path: Path,
    leave_out: Sequence[str] = (),
) -> Translation:
    """Translate the weights of another stack for a model.

    Args:
        state: Their tensors; what precedes all names, such as "module.", is found.
        model: Model of which names and shapes are taken.
        stack: The other stack.
        path: Their file, for errors.
        leave_out: Beginnings of names of the model that are left out.

    Returns:
        Tensors by the names of the model: those of all parts that the stack has.

    Raises:
        ValueError: If the stack has no place for a part of the model, the file lacks a
            tensor, or one has another shape.
    """
    own = model.state_dict()
    parts = list_network_parts(model)
    pairs = _find_places(model, stack, leave_out)
    given = _strip(stack.simplify(dict(state)), [pair.theirs for pair in pairs])
    optional = {pair.ours for pair in pairs if part_of(pair.ours) not in parts}
    lacking = [
        pair
        for pair in pairs
        if pair.theirs not in given
        and pair.ours not in optional
        and not pair.theirs.endswith(_COUNTER)
    ]
    if lacking:
        names = list_names([pair.theirs for pair in lacking])
        found = list_names(sorted(given)[:6])
        raise ValueError(
            f"{path} lacks {len(lacking)} of {len(pairs)} tensors that the "
            f"{type(model).__name__} has in {stack.name} ({names}); it has {found}. Check --from "
            "and --config, or leave parts out with --leave-out."
        )
    present = [pair for pair in pairs if pair.theirs in given]
    translated = {
        pair.ours: pair.layout.to_ours(given[pair.theirs], own[pair.ours].shape) for pair in present
    }
    _check_shapes(translated, given, own, present, path)
    used = {pair.theirs for pair in present}
    return Translation(
        {name: value.contiguous().clone() for name, value in translated.items()},
        tuple((pair.theirs, pair.ours) for pair in present),
        tuple(name for name in given if name not in used),
        tuple(_compare_norms(model, present, stack)),
    )


def _find_places(
    model: nn.Module, stack: Stack, leave_out: Sequence[str], instead: str = ""
) -> list[TensorPair]:
    """Return the tensors of a model that a stack has; refuse a network without a place.

    Those of parts that only a pre-training has are returned where the stack has them.
    The error of a network that has no place at all ends with what to do instead.
    """
    state = model.state_dict()
    check_beginnings(leave_out, state)
    parts, given_up = list_network_parts(model), tuple(leave_out)
    pairs = list_tensors(model, stack.list_layers(model))
    pairs = [pair for pair in pairs if not pair.ours.startswith(given_up)]
    placed = {pair.ours for pair in pairs}
    wanted = [n for n in state if part_of(n) in parts and not n.startswith(given_up)]
    homeless = [name for name in wanted if name not in placed]
    if homeless:
        parts_out = " ".join(f"{part}." for part in dict.fromkeys(map(part_of, homeless)))
        way_out = f"Leave these parts out with --leave-out {parts_out}"
        if len(homeless) == len(wanted):
            way_out = f"Nothing is left. {instead}".rstrip()
        raise ValueError(f"{_refusal(type(model).__name__, stack, homeless)}. {way_out}")
    return pairs


def check_beginnings(leave_out: Sequence[str], names: Iterable[str]) -> None:
    """Refuse beginnings of names that no tensor has.

    Raises:
        ValueError: If there is such a beginning.
    """
    known = list(names)
    for beginning in leave_out:
        if not any(name.startswith(beginning) for name in known):
            parts = ", ".join(dict.fromkeys(part_of(name) for name in known))
            raise ValueError(
                f'--leave-out: no tensor begins with "{beginning}"; the parts are {parts}.'
            )


def _refusal(kind: str, stack: Stack, names: Sequence[str]) -> str:
    lines = []
    for part, count in Counter(map(part_of, names)).items():
        listed = list_names([name for name in names if part_of(name) == part])
        reason = stack.reasons.get(part, "it has no such part")
        lines.append(f"{part}: {reason}; {count} tensors: {listed}")
    return f"{len(names)} tensors of the {kind} have no place in {stack.name}. {'. '.join(lines)}"


def _strip(state: Mapping[str, Tensor], wanted: Sequence[str]) -> dict[str, Tensor]:
    """Remove what precedes their names, whichever leaves most of the wanted ones."""
    prefixes = {""}
    for name in wanted[:3]:
        prefixes |= {key[: -len(name)] for key in state if key.endswith(f".{name}")}

    def count(prefix: str) -> int:
        return sum(f"{prefix}{name}" in state for name in wanted)

    best = max(sorted(prefixes), key=count)
    return {key[len(best) :]: value for key, value in state.items() if key.startswith(best)}


def _check_shapes(
    translated: StateDict,
    given: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    pairs: Sequence[TensorPair],
    path: Path,
) -> None:
    wrong = [
        f"{pair.theirs} {tuple(given[pair.theirs].shape)} for {pair.ours} "
        f"{tuple(own[pair.ours].shape)}"
        for pair in pairs
        if translated[pair.ours].shape != own[pair.ours].shape
    ]
    if wrong:
        raise ValueError(
            f"{len(wrong)} tensors of {path} have another shape than the model: "
            f"{list_names(wrong)}. Choose a config of the same network."
        )


def _compare_norms(model: nn.Module, pairs: Sequence[TensorPair], stack: Stack) -> list[str]:
    """Return a line if norms add another epsilon in the other stack."""
    differing = set()
    for pair in pairs:
        layer = model.get_submodule(pair.ours.rpartition(".")[0])
        eps = getattr(layer, "eps", None)
        for beginning, theirs in stack.norm_eps.items():
            if eps is not None and pair.theirs.startswith(beginning) and eps != theirs:
                differing.add((eps, theirs))
    return [
        f"norms have eps={ours:g} here and {theirs:g} in {stack.name}: set it there, or results "
        "differ slightly"
        for ours, theirs in sorted(differing)
    ]
