"""Weights from a file into a model, with a report, or a refusal where they do not fit.

``load_state_dict(strict=False)`` says nothing where nothing fits, and mmdet3d's spconv
layers permute every weight that comes without version metadata. Here each tensor is
matched by name and shape first, and copied only if enough of them match.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import Module

Shape = tuple[int, ...]

# Where published checkpoints keep their weights, in the order in which they are tried:
# mmengine and MoCo, OpenPCDet, SwAV and torch hub, DINO.
_ENTRIES = ("state_dict", "model_state", "model", "model_state_dict", "teacher")
# What torch's DistributedDataParallel puts before every name.
_WRAPPER = "module."
_MAX_NAMES = 6
# What torch raises for a file that is cut off, no checkpoint, or holds other objects.
_READ_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class LoadReport:
    """How a checkpoint fits a model; names are the model's.

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
        """Write the report as a table, with the first names of each kind."""
        shapes = [f"{name} {model} <- {file}" for name, model, file in self.mismatched]
        rows = [("matched", len(self.matched), "")]
        rows += [("missing", len(self.missing), _first(self.missing))]
        rows += [("unexpected", len(self.unexpected), _first(self.unexpected))]
        rows += [("mismatched", len(shapes), _first(shapes))]
        rows += [("converted", len(self.converted), _first(self.converted))]
        lines = [f"  {kind:<11}{count:>5}  {names}".rstrip() for kind, count, names in rows]
        return "\n".join([f"{_percent(self.share_loaded)} of the parameters", *lines])


def read_state_dict(path: str | Path, entry: str = "") -> dict[str, Tensor]:
    """Read the tensors of a checkpoint, with ``weights_only`` on, onto the CPU.

    Args:
        path: File written by ``torch.save``.
        entry: Key of the file's dict that holds the weights; by default the file itself
            where it holds only tensors, else the first of the usual keys.

    Returns:
        Name to tensor.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is truncated, holds objects other than
            tensors and plain values, or has no such entry.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"checkpoint must be a file, but got {path}, which is none.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _READ_ERRORS as error:
        # Not torch's own words: they advise to run code that the file brings.
        raise ValueError(
            f"checkpoint must be a whole file of tensors and plain values, but got {path}, "
            f"which cannot be read ({type(error).__name__}): it may be cut off, no checkpoint, or "
            "hold other objects; fetch it again, or save its state_dict alone."
        ) from error
    weights = _find_weights(content, entry)
    if not weights:
        held = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content)
        wanted = f'"{entry}"' if entry else f"one of {', '.join(_ENTRIES)}"
        raise ValueError(f"checkpoint must hold weights as {wanted}, but got {path} with {held}.")
    return weights


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


def load_report(
    model: Module,
    state_dict: Mapping[str, Tensor],
    prefix: str = "",
    ignore: Sequence[str] = (),
) -> LoadReport:
    """Compare a checkpoint with a model; changes nothing.

    Args:
        model: Model, or the part of one, that the weights are for.
        state_dict: Tensors of the checkpoint.
        prefix: Only keys that begin so are looked at, and lose it. The "module." of a
            model saved in its distributed wrapper need not be named.
        ignore: Beginnings of names of the model that are left out of the comparison.

    Returns:
        The report.
    """
    return _match(model, state_dict, prefix, ignore)[0]


def load_pretrained(
    model: Module,
    path: str | Path,
    prefix: str = "",
    *,
    min_share: float = 0.9,
    ignore: Sequence[str] = (),
    entry: str = "",
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> LoadReport:
    """Load a checkpoint into a model, log the report, refuse what does not match.

    Args:
        model: Model, or the part of one, that the weights are for; changed only if
            nothing is refused.
        path: File written by ``torch.save``.
        prefix: As in :func:`load_report`.
        min_share: Least share of the model's parameter values that must be loaded; 1
            asks for everything, statistics of norms included.
        ignore: Beginnings of names of the model that may stay as they are; they do not
            count.
        entry: As in :func:`read_state_dict`.
        convert: Brings the file's names and layouts to the model's, before all else.

    Returns:
        The report.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, less than ``min_share`` matches (the message
            names a prefix that would), or a shape differs.
    """
    state_dict = read_state_dict(path, entry)
    if convert is not None:
        state_dict = convert(state_dict)
    report, values = _match(model, state_dict, prefix, ignore)
    print_log(f"{path} for {type(model).__name__}: {report}", logger="current")
    if report.mismatched:
        name, expected, got = report.mismatched[0]
        raise ValueError(
            f"{name} must have shape {expected}, but {path} has {got} "
            f"({len(report.mismatched)} such); change the model's config, or name it in ignore."
        )
    if report.share_loaded < min_share or (min_share == 1 and report.missing):
        raise ValueError(
            f"checkpoint must hold at least {min_share:.0%} of the parameters of "
            f"{type(model).__name__}, but {path} with prefix {prefix!r} has "
            f"{_percent(report.share_loaded)} and lacks {_first(report.missing)}; "
            f"{_advice(model, state_dict, prefix, ignore)}"
        )
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, value in values.items():
            state[name].copy_(value)
    return report


def _match(
    model: Module, state_dict: Mapping[str, Tensor], prefix: str, ignore: Sequence[str]
) -> tuple[LoadReport, dict[str, Tensor]]:
    """Compare, and collect the tensors to copy, in the model's layout."""
    wanted = {
        name: value
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and not name.startswith(tuple(ignore))
    }
    offered = _strip(state_dict, prefix, wanted)
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


def _strip(
    state_dict: Mapping[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Take what is below the prefix, inside a wrapper or not: where more fits."""
    candidates = [
        {key[len(start) :]: value for key, value in state_dict.items() if key.startswith(start)}
        for start in (prefix, _WRAPPER + prefix)
    ]
    return max(candidates, key=lambda candidate: len(candidate.keys() & wanted.keys()))


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


def _advice(
    model: Module, state_dict: Mapping[str, Tensor], prefix: str, ignore: Sequence[str]
) -> str:
    """Find the prefix under which most of the checkpoint fits."""
    names = model.state_dict().keys()
    parts = [key.split(".") for key in state_dict]
    prefixes = {
        ".".join([*key[:i], ""]).removeprefix(_WRAPPER) if i else ""
        for key in parts
        for i in range(len(key))
        if ".".join(key[i:]) in names
    }
    shares = {p: _match(model, state_dict, p, ignore)[0].share_loaded for p in prefixes}
    best = max(shares, key=lambda p: shares[p], default="")
    if best == prefix and shares.get(best, 0) > 0:
        return "no other prefix would match more."
    if shares.get(best, 0) > 0:
        return f"prefix={best!r} would match {_percent(shares[best])}."
    return f"no prefix would match; its keys begin {_first(sorted(state_dict)[:3])}."


def _percent(share: float) -> str:
    """Write a share; only the whole is 100.0%."""
    return f"{share if share == 1 else min(share, 0.999):.1%}"


def _first(names: Sequence[str]) -> str:
    rest = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
