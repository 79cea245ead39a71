"""Checks of a checkpoint: readable, finite, what it loads into, what it can resume."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.registry import init_default_scope
from torch.nn import Module

from perception_kd.checkpoints.matching import (
    LoadReport,
    format_share,
    list_names,
    load_report,
    suggest_prefix,
)
from perception_kd.checkpoints.reading import Checkpoint, read_checkpoint
from perception_kd.doctor.finding import Finding, Level
from perception_kd.engine.config.text import parse_config_text
from perception_kd.engine.run.launch import drop_unreached_schedulers
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS
from perception_kd.utils.finite import find_nonfinite

_AREA = "checkpoint"
_MAX_SETTINGS = 8
# Settings that decide what is learned; of these, folders may differ between machines.
_COMPARED = (
    *("model", "train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"),
    *("auto_scale_lr", "randomness", "load_pretrained_from"),
)
_FOLDERS = ("data_root", "info_root")


def check_checkpoint(
    path: Path, cfg: Config | None, metainfo: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield findings on a checkpoint.

    Args:
        path: The file.
        cfg: Config of the run that it is for; None checks the file alone.
        metainfo: Names of the classes of the data, as info files have them.
    """
    try:
        checkpoint = read_checkpoint(path)
    except (FileNotFoundError, ValueError) as error:
        yield Finding(Level.ERROR, _AREA, str(error), str(path))
        return
    yield check_weights(checkpoint)
    yield describe_training(checkpoint)
    if cfg is None:
        return
    model = _build_model(cfg)
    if isinstance(model, Finding):
        yield model
        return
    sources = list(_check_sources(model, checkpoint, cfg))
    whole = check_match(model, checkpoint)
    if any(finding.level is Level.OK for finding in sources):
        whole = replace(whole, level=Level.OK, remedy="")
    yield from (whole, *sources)
    if isinstance(model, TaskModel):
        try:
            model.check_trained_on(checkpoint, metainfo)
        except ValueError as error:
            yield Finding(Level.ERROR, _AREA, str(error), str(path), "use the training's classes")
    yield from compare_configs(checkpoint, cfg)


def check_weights(checkpoint: Checkpoint) -> Finding:
    """Return the finding on NaN and infinity among the weights."""
    broken = find_nonfinite(checkpoint.state_dict)
    total = len(checkpoint.state_dict)
    if not broken:
        return Finding(Level.OK, _AREA, f"All {total} tensors are finite.", str(checkpoint.path))
    return Finding(
        Level.ERROR,
        _AREA,
        f"{len(broken)} of {total} tensors have NaN or infinity: {list_names(broken)}.",
        str(checkpoint.path),
        "use an earlier checkpoint, and a lower learning rate",
        len(broken),
        tuple(broken[:20]),
    )


def describe_training(checkpoint: Checkpoint) -> Finding:
    """Return the finding on whether a training can be resumed from a checkpoint."""
    lacking = [name for name in ("optimizer", "param_schedulers") if name not in checkpoint.entries]
    done = ", ".join(
        f"{name} {checkpoint.meta[name]}" for name in ("epoch", "iter") if name in checkpoint.meta
    )
    if lacking or not done:
        lacking += [] if done else ["meta.epoch"]
        what = f"No training can be resumed from it: it has no {', no '.join(lacking)}."
        remedy = "use it with --pretrained or tools/test.py"
    else:
        what, remedy = f"A training can be resumed from it ({done}).", ""
    return Finding(Level.OK, _AREA, what, str(checkpoint.path), remedy)


def check_match(
    model: Module, checkpoint: Checkpoint, prefix: str = "", use: str = "The whole model"
) -> Finding:
    """Return the finding on what a checkpoint would load into a model.

    Args:
        model: The model, or the part of one.
        checkpoint: The checkpoint.
        prefix: Only keys of the checkpoint that start with it are compared, without it.
        use: What it is loaded for, for the finding.
    """
    report = load_report(model, checkpoint.state_dict, prefix)
    what = f"{use}, {type(model).__name__}: {describe_matches(report)}"
    if report.share_loaded == 1 and not report.missing:
        return Finding(Level.OK, _AREA, what, str(checkpoint.path))
    hint = suggest_prefix(model, checkpoint.state_dict, prefix, ()).rstrip(".")
    return Finding(
        Level.ERROR if report.mismatched or report.share_loaded == 0 else Level.WARNING,
        _AREA,
        what,
        str(checkpoint.path),
        f"give the config that it was trained with, or the part that it is for ({hint})",
    )


def describe_matches(report: LoadReport) -> str:
    """Return a report of matching names as one line."""
    shapes = [f"{name} {model} <- {file}" for name, model, file in report.mismatched]
    parts = [f"{format_share(report.share_loaded)} of the parameters match"]
    for kind, names in (
        ("missing", report.missing),
        ("unexpected", report.unexpected),
        ("of another shape", shapes),
        ("turned to this spconv's layout", report.converted),
    ):
        if names:
            parts.append(f"{len(names)} {kind} ({list_names(names)})")
    return "; ".join(parts) + "."


def _check_sources(model: Module, checkpoint: Checkpoint, cfg: Config) -> Iterator[Finding]:
    """Yield a finding on the weights that a config would load with --pretrained."""
    sources = cfg.get("load_pretrained_from") or []
    for source in sources if isinstance(sources, list) else [sources]:
        prefix = source.get("prefix", "")
        name = source.get("module") if source.get("module") is not None else prefix.rstrip(".")
        try:
            part = model.get_submodule(name)
        except AttributeError:
            parts = ", ".join(child for child, _ in model.named_children())
            what = f'The model has no part "{name}"; its parts are {parts}.'
            yield Finding(Level.ERROR, _AREA, what, "load_pretrained_from", "correct module")
            continue
        yield check_match(part, checkpoint, prefix, f"As --pretrained, {name or 'all'}")


def _build_model(cfg: Config) -> Module | Finding:
    """Return the model of a config, with random weights, or why it cannot be built."""
    init_default_scope(cfg.get("default_scope", "mmengine"))
    if not cfg.get("model"):
        return Finding(Level.ERROR, _AREA, "The config has no model.", str(cfg.filename))
    try:
        model: Module = MODELS.build(cfg.model)
    except Exception as error:
        what = f"The model cannot be built: {type(error).__name__}: {error}"
        return Finding(Level.ERROR, _AREA, what, str(cfg.filename), "correct model of the config")
    return model


def compare_configs(checkpoint: Checkpoint, cfg: Config) -> Iterator[Finding]:
    """Yield the settings that differ from those of the checkpoint's training."""
    where = f"{checkpoint.path}, meta.cfg"
    text = checkpoint.meta.get("cfg")
    if not isinstance(text, str):
        yield Finding(Level.OK, _AREA, "It does not say which config it was trained with.", where)
        return
    try:
        trained = _flatten(parse_config_text(text, where))
    except ValueError as error:
        yield Finding(Level.WARNING, _AREA, str(error), where, "use only your own checkpoints")
        return
    given = _flatten(_as_started(cfg).to_dict())
    kinds = trained.get("model.type"), given.get("model.type")
    if kinds[0] != kinds[1]:
        what = f"It is of a training of {kinds[0]}, and the config is of {kinds[1]}."
        yield Finding(Level.OK, _AREA, what, where)
        return
    names = [
        name
        for name in sorted(trained.keys() | given.keys())
        if trained.get(name) != given.get(name)
        and name.split(".")[0] in _COMPARED
        and name.split(".")[-1] not in _FOLDERS
    ]
    if not names:
        yield Finding(Level.OK, _AREA, "It was trained with the settings of this config.", where)
        return
    shown = [
        f"{name}={trained.get(name)!r:.40}, now {given.get(name)!r:.40}"
        for name in names[:_MAX_SETTINGS]
    ]
    more = f"; and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    model_differs = any(name.startswith("model.") for name in names)
    yield Finding(
        Level.WARNING if model_differs else Level.OK,
        _AREA,
        f"It was trained with other settings: {'; '.join(shown)}{more}.",
        where,
        "check that the differences are meant" if model_differs else "",
        len(names),
        tuple(names[:50]),
    )


def _as_started(cfg: Config) -> Config:
    """Return a copy of a config with what starting a run changes in it."""
    cfg = copy.deepcopy(cfg)
    drop_unreached_schedulers(cfg)
    return cfg


def _flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name."""
    if isinstance(settings, dict) and settings:
        parts = settings.items()
    elif isinstance(settings, list | tuple) and any(isinstance(s, dict) for s in settings):
        parts = dict(enumerate(settings)).items()
    else:
        return {prefix.rstrip("."): list(settings) if isinstance(settings, tuple) else settings}
    return {k: v for name, value in parts for k, v in _flatten(value, f"{prefix}{name}.").items()}
