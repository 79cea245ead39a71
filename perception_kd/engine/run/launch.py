"""Read a config, check it and build its runner."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import Config

from perception_kd.datasets.catalog import creation_command
from perception_kd.datasets.pipeline import list_steps
from perception_kd.engine.config.bounds import check_bounds
from perception_kd.engine.config.kinds import check_kinds
from perception_kd.engine.config.options import check_new_settings, check_places
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.config.reading import load_config
from perception_kd.engine.config.renamed import find_config
from perception_kd.engine.config.shared_numbers import check_shared_numbers
from perception_kd.engine.hooks.load_pretrained import list_sources
from perception_kd.engine.run.runner import CheckedRunner
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.workers import keep_freed_memory

GUARDS = ("NonFiniteHook", "EmptyBatchesHook")


def read_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config and apply options to it.

    Args:
        path: Config file; an old name of one is logged with the new one.
        options: Dotted name to value, as ``--cfg-options`` gives them.

    Returns:
        The config, with ``work_dir`` set.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the config cannot be read, an option names a setting that the
            config does not and could not have, or a number is out of bounds.
    """
    path = find_config(path)
    cfg = load_config(path)
    options, settings = dict(options or {}), cfg.to_dict()
    check_places(settings, options)
    check_kinds(settings, options)
    cfg.merge_from_dict(options)
    merged = cfg.to_dict()
    check_new_settings(settings, options, merged)
    check_bounds(merged)
    _list_pipelines(cfg)
    if not cfg.get("work_dir"):
        cfg.work_dir = str(Path("work_dirs") / path.stem)
    return cfg


def _list_pipelines(cfg: Config) -> None:
    """Replace named steps of pipelines by lists, in place.

    mmengine sorts the keys of the config that it writes into the work dir: there, named
    steps would lose their order.

    Raises:
        ValueError: If a step has settings, but no type: a misspelled or unknown name.
    """
    for split in ("train", "val", "test"):
        for settings in walk_settings(cfg.get(f"{split}_dataloader")):
            pipeline = settings.get("pipeline")
            if isinstance(pipeline, dict):
                unknown = [k for k, step in pipeline.items() if step and "type" not in step]
                if unknown:
                    names = ", ".join(name for name in pipeline if name not in unknown)
                    raise ValueError(
                        f"The pipeline of {split}_dataloader has no step named {unknown[0]}; "
                        f"its steps are {names}."
                    )
                settings["pipeline"] = list_steps(pipeline)


def check_data_folders(cfg: Config, loader: str) -> None:
    """Check that the folders that a data loader reads exist.

    Args:
        cfg: Config of the run.
        loader: Name of the data loader, such as "train_dataloader".

    Raises:
        FileNotFoundError: If a folder is missing; names the command that creates it.
        ValueError: If the config has no such loader.
    """
    if not cfg.get(loader):
        raise ValueError(f"{cfg.filename} does not define {loader}.")
    for settings in walk_settings(cfg[loader].get("dataset")):
        for name in ("data_root", "info_root"):
            folder = settings.get(name)
            if folder and not Path(folder).is_dir():
                raise FileNotFoundError(
                    f"No folder at {name}={folder}; set --{name.replace('_', '-')}"
                    f"{_remedy(name, settings)}."
                )


def build_runner(cfg: Config) -> CheckedRunner:
    """Build the runner; the config's ``load_pretrained_from`` becomes a hook.

    Args:
        cfg: Config of the run. ``load_pretrained_from`` holds the arguments of
            :class:`~perception_kd.engine.hooks.LoadPretrainedHook`, or a list of
            them. Without a checkpoint, it logs that the initialization stays random. A
            ``load_from`` without ``resume`` is such a source for the whole model.

    Raises:
        PermissionError: If the work dir cannot be written to.
        FileNotFoundError: If there is no file at ``load_from``.
        ValueError: If a schedule undoes the rates of single parameters, or parts of the
            network disagree on ranges, cells or channels.
    """
    # Whatever loads a file of weights below, code in the file is not executed.
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    sources = list_sources(cfg.get("load_pretrained_from"))
    if cfg.get("load_from") and not cfg.get("resume"):
        if not isinstance(cfg.load_from, str | Path) or not Path(cfg.load_from).is_file():
            raise FileNotFoundError(f"load_from: no checkpoint at {cfg.load_from}.")
        sources.append(dict(checkpoint=cfg.load_from))
        cfg.load_from = None
    hooks = [dict(type="LoadPretrainedHook", **source) for source in sources]
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), *hooks]
    check_shared_numbers(cfg)
    add_guards(cfg)
    write_whole_checkpoints(cfg)
    drop_unreached_schedulers(cfg)
    check_schedulers(cfg)
    make_writable_folder("--work-dir", cfg.work_dir)
    keep_freed_memory()  # a step needs what the last one has freed
    runner: CheckedRunner = CheckedRunner.from_cfg(cfg)
    return runner


def add_guards(cfg: Config) -> None:
    """Add the hooks that end a run which cannot succeed, in place.

    Args:
        cfg: Config to change. A guard that it names, with settings of its own, stays as
            it is.
    """
    named = [*(cfg.get("default_hooks") or {}).values(), *cfg.custom_hooks]
    types = {hook.get("type") for hook in named if isinstance(hook, dict)}
    cfg.custom_hooks += [dict(type=guard) for guard in GUARDS if guard not in types]


def write_whole_checkpoints(cfg: Config) -> None:
    """Replace mmengine's checkpoint hook in a config by this project's.

    Configs of earlier versions name mmengine's. The config is changed in place.

    Args:
        cfg: Config to change.
    """
    hooks = dict(cfg.get("default_hooks") or {})
    settings = hooks.setdefault("checkpoint", dict(interval=1))
    if settings is not None and settings.get("type", "CheckpointHook") == "CheckpointHook":
        hooks["checkpoint"] = {**settings, "type": "WholeCheckpointHook"}
    cfg.default_hooks = hooks


def drop_unreached_schedulers(cfg: Config) -> None:
    """Drop the schedulers that begin after the last epoch, in place.

    mmengine refuses them, so a trial run of one epoch would fail for every schedule
    that decays after a warm-up.

    Args:
        cfg: Config to change.
    """
    schedulers, last = cfg.get("param_scheduler"), (cfg.get("train_cfg") or {}).get("max_epochs")
    if last is None or not isinstance(schedulers, list):
        return
    cfg.param_scheduler = [
        scheduler
        for scheduler in schedulers
        if not scheduler.get("by_epoch", True) or scheduler.get("begin", 0) < last
    ]


def check_schedulers(cfg: Config) -> None:
    """Check that no schedule undoes the learning rates of single parameters.

    A one-cycle schedule with a single ``eta_max`` sets every rate to it, so a head that
    should learn a hundred times as fast learns like the rest.

    Args:
        cfg: Config of the run.

    Raises:
        ValueError: If there are both such a schedule and an ``lr_mult``.
    """
    paramwise = (cfg.get("optim_wrapper") or {}).get("paramwise_cfg") or {}
    keys = [k for k, v in paramwise.get("custom_keys", {}).items() if v.get("lr_mult", 1) != 1]
    schedulers = cfg.get("param_scheduler") or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        cycles = "OneCycle" in scheduler["type"] and "Momentum" not in scheduler["type"]
        if keys and cycles and not isinstance(scheduler["eta_max"], list | tuple):
            raise ValueError(
                f"{scheduler['type']} with eta_max={scheduler['eta_max']} would set the same rate "
                f"for all parameters, but custom_keys give {', '.join(keys)} rates of their own; "
                "give eta_max as a list, one rate per group of parameters, or use "
                "CosineAnnealingLR, which keeps them."
            )


def _remedy(name: str, settings: dict[str, Any]) -> str:
    if name == "data_root":
        return ""
    ann_file, root = str(settings.get("ann_file")), str(settings.get("data_root"))
    return f", or create it: {creation_command(ann_file, root, settings[name])}"
