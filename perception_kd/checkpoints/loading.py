"""Load checkpoints into models, with a report, and refuse what does not fit.

``load_state_dict(strict=False)`` is silent where nothing fits, and mmdet3d's spconv
layers permute every weight that comes without version metadata. Here each tensor is
first matched by name and shape, and is copied only if enough of them match.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.finite import check_finite
from perception_kd.checkpoints.matching import (
    LoadReport,
    format_share,
    list_names,
    match_weights,
    suggest_prefix,
)
from perception_kd.checkpoints.reading import Checkpoint, read_checkpoint


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
    """Read a checkpoint and load it with :func:`load_weights`.

    Args:
        model: Model, or the part of one, that the weights are for.
        path: File written by ``torch.save``.
        prefix: Only keys of the file that start with it are loaded, without it.
        min_share: Smallest share of the model's parameter values that must be loaded.
        ignore: Prefixes of names of the model that may stay as they are.
        entry: Key of the file's dict that holds the weights; by default it is found.
        convert: Maps the file's names and layouts to the model's, before all else.

    Returns:
        The report.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read or does not fit.
    """
    checkpoint = read_checkpoint(path, entry)
    if convert is not None:
        checkpoint = replace(checkpoint, state_dict=convert(checkpoint.state_dict))
    return load_weights(model, checkpoint, prefix, min_share=min_share, ignore=ignore)


def load_weights(
    model: Module,
    checkpoint: Checkpoint,
    prefix: str = "",
    *,
    min_share: float = 0.9,
    ignore: Sequence[str] = (),
) -> LoadReport:
    """Load a checkpoint that was read, log the report, refuse what does not fit.

    Args:
        model: Model, or the part of one, that the weights are for; changed only if
            nothing is refused.
        checkpoint: Its weights are copied.
        prefix: Only keys that start with it are loaded, without it. The "module." of a
            model saved in its distributed wrapper need not be named.
        min_share: Smallest share of the model's parameter values that must be loaded;
            1 requires everything, statistics of norms included.
        ignore: Prefixes of names of the model that may stay as they are; they do not
            count.

    Returns:
        The report.

    Raises:
        ValueError: If less than ``min_share`` matches (the message suggests a prefix
            that would), a shape differs, or a tensor to copy is not finite.
    """
    path, state_dict = checkpoint.path, checkpoint.state_dict
    report, values = match_weights(model, state_dict, prefix, ignore)
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
            f"{format_share(report.share_loaded)} and lacks {list_names(report.missing)}; "
            f"{suggest_prefix(model, state_dict, prefix, ignore)}"
        )
    check_finite(path, {f"{prefix}{name}": value for name, value in sorted(values.items())})
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, value in values.items():
            state[name].copy_(value)
    return report
