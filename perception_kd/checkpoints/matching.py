"""Compare the tensors of a checkpoint with those of a model, by name and shape."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import Module

Shape = tuple[int, ...]

# What torch's DistributedDataParallel puts before every name.
_WRAPPER = "module."
_MAX_NAMES = 6


@dataclass(frozen=True)
class LoadReport:
    """Match of a checkpoint with a model; names are the model's.

    Attributes:
        matched: Names whose tensor fits.
        missing: Names that the checkpoint lacks.
        unexpected: Names in the checkpoint, below the prefix, that the model lacks.
        mismatched: Names with the shapes in the model and in the checkpoint.
        converted: Matched weights of sparse convolutions that have the other layout of
            spconv 1 and 2.
        share_loaded: Share of the model's parameter values that fit, in [0, 1].
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[tuple[str, Shape, Shape], ...]
    converted: tuple[str, ...]
    share_loaded: float

    def __str__(self) -> str:
        """Format the report as a table, with the first names of each kind."""
        shapes = [f"{name} {model} <- {file}" for name, model, file in self.mismatched]
        rows = [("matched", len(self.matched), "")]
        rows += [("missing", len(self.missing), list_names(self.missing))]
        rows += [("unexpected", len(self.unexpected), list_names(self.unexpected))]
        rows += [("mismatched", len(shapes), list_names(shapes))]
        rows += [("converted", len(self.converted), list_names(self.converted))]
        lines = [f"  {kind:<11}{count:>5}  {names}".rstrip() for kind, count, names in rows]
        return "\n".join([f"{format_share(self.share_loaded)} of the parameters", *lines])


def load_report(
    model: Module,
    state_dict: Mapping[str, Tensor],
    prefix: str = "",
    ignore: Sequence[str] = (),
) -> LoadReport:
    """Compare a checkpoint with a model, without changing either.

    Args:
        model: Model, or the part of one, that the weights are for.
        state_dict: Tensors of the checkpoint.
        prefix: Only keys that start with it are compared, without it. The "module." of
            a model saved in its distributed wrapper need not be named.
        ignore: Prefixes of names of the model that are left out of the comparison.

    Returns:
        The report.
    """
    return match_weights(model, state_dict, prefix, ignore)[0]


def match_weights(
    model: Module, state_dict: Mapping[str, Tensor], prefix: str, ignore: Sequence[str]
) -> tuple[LoadReport, dict[str, Tensor]]:
    """Compare as :func:`load_report`, and collect the tensors to copy.

    Returns:
        The report, and name to tensor in the model's layout.
    """
    wanted = {
        name: value
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and not name.startswith(tuple(ignore))
    }
    offered = strip_prefix(state_dict, prefix, wanted)
    sparse = set(_sparse_weights(model))
    values, mismatched, converted = {}, [], []
    for name in wanted.keys() & offered.keys():
        value, shape = offered[name], wanted[name].shape
        if value.shape != shape and name in sparse:
            value = _other_spconv_layout(value, shape)
            converted += [name] if value.shape == shape else []
        if value.shape == shape:
            values[name] = value
        else:
            mismatched.append((name, tuple(shape), tuple(offered[name].shape)))
    missing = (name for name in wanted.keys() - offered.keys())
    report = LoadReport(
        matched=tuple(sorted(values)),
        # Older checkpoints have no such counter, and it changes nothing.
        missing=tuple(sorted(n for n in missing if not n.endswith("num_batches_tracked"))),
        unexpected=tuple(
            sorted(n for n in offered.keys() - wanted.keys() if not n.startswith(tuple(ignore)))
        ),
        mismatched=tuple(sorted(mismatched)),
        converted=tuple(sorted(converted)),
        share_loaded=_share(model, wanted, values),
    )
    return report, values


def strip_prefix(
    state_dict: Mapping[str, Tensor], prefix: str, wanted: Collection[str]
) -> dict[str, Tensor]:
    """Return the tensors below a prefix, by their names without it.

    Args:
        state_dict: Tensors of a checkpoint.
        prefix: Start of the names to take. The "module." of a model saved in its
            distributed wrapper may come before it.
        wanted: Names of the model: with or without a wrapper, whichever has more.
    """
    candidates = [
        {key[len(start) :]: value for key, value in state_dict.items() if key.startswith(start)}
        for start in (prefix, _WRAPPER + prefix)
    ]
    return max(candidates, key=lambda candidate: len(candidate.keys() & {*wanted}))


def _share(model: Module, wanted: Mapping[str, Tensor], loaded: Mapping[str, Tensor]) -> float:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    counted = [name for name in wanted if name in parameters]
    total = sum(wanted[name].numel() for name in counted)
    return sum(wanted[name].numel() for name in counted if name in loaded) / total if total else 1.0


def _sparse_weights(model: Module) -> Iterator[str]:
    """Name the weights of sparse convolutions, mmcv's and spconv's."""
    for name, module in model.named_modules():
        if any(base.__name__ == "SparseConvolution" for base in type(module).__mro__):
            yield f"{name}.weight" if name else "weight"


def _other_spconv_layout(value: Tensor, shape: Sequence[int]) -> Tensor:
    """Swap spconv 1, (*kernel, C_in, C_out), and 2, (C_out, *kernel, C_in)."""
    to_2, to_1 = value.movedim(-1, 0), value.movedim(0, -1)
    return to_2 if to_2.shape == shape else to_1


def suggest_prefix(
    model: Module, state_dict: Mapping[str, Tensor], prefix: str, ignore: Sequence[str]
) -> str:
    """Suggest the prefix under which most of the checkpoint fits."""
    names = model.state_dict().keys()
    parts = [key.split(".") for key in state_dict]
    prefixes = {
        ".".join([*key[:i], ""]).removeprefix(_WRAPPER) if i else ""
        for key in parts
        for i in range(len(key))
        if ".".join(key[i:]) in names
    }
    shares = {p: match_weights(model, state_dict, p, ignore)[0].share_loaded for p in prefixes}
    best = max(shares, key=lambda p: shares[p], default="")
    if best == prefix and shares.get(best, 0) > 0:
        return "no other prefix would match more."
    if shares.get(best, 0) > 0:
        return f"prefix={best!r} would match {format_share(shares[best])}."
    return f"no prefix would match; its keys begin {list_names(sorted(state_dict)[:3])}."


def format_share(share: float) -> str:
    """Write a share as a percentage; only all of it is 100.0%."""
    return f"{share if share == 1 else min(share, 0.999):.1%}"


def list_names(names: Sequence[str]) -> str:
    """Write the first names and how many more there are."""
    rest = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
