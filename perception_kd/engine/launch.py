"""From a config and the options of the command line to a runner."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import Config
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint

from perception_kd.checkpoints.loading import load_report, read_state_dict
from perception_kd.datasets.catalog import creation_command
from perception_kd.engine.config_options import check_new_settings, check_places
from perception_kd.engine.renamed_configs import find_config
from perception_kd.engine.settings import walk_settings
from perception_kd.registry import DATASETS

_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
_EVALUATORS = ("val_evaluator", "test_evaluator")


def read_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config and apply options to it.

    Args:
        path: Config file; an old name of one is logged with the new one.
        options: Dotted name to value, as ``--cfg-options`` gives them.

    Returns:
        The config, with ``work_dir`` set.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the path is no config, or an option names no setting of it, nor
            one that it could have.
    """
    path = find_config(path)
    if path.suffix != ".py":
        raise ValueError(f"config must be a Python file, but got {path}.")
    cfg = Config.fromfile(path)
    options, settings = dict(options or {}), cfg.to_dict()
    check_places(settings, options)
    cfg.merge_from_dict(options)
    check_new_settings(settings, options, cfg.to_dict())
    if not cfg.get("work_dir"):
        cfg.work_dir = str(Path("work_dirs") / path.stem)
    return cfg


def set_data_folders(cfg: Config, data_root: str | None, info_root: str | None) -> None:
    """Point every data set of a config to other folders, in place.

    A config repeats its ``data_root`` in each data set and metric, where overriding the
    variable alone does not reach.

    Args:
        cfg: Config to change.
        data_root: Folder of the sensor data; None leaves the config's.
        info_root: Folder of info files and caches; by default ``data_root`` if that is
            given.
    """
    folders = {"data_root": data_root, "info_root": info_root or data_root}
    for name, folder in folders.items():
        if folder is None:
            continue
        if name in cfg:
            cfg[name] = folder
        for loader in (*_LOADERS, *_EVALUATORS):
            for settings in walk_settings(cfg.get(loader)):
                if name in settings or _takes(settings, name):
                    settings[name] = folder


def check_data_folders(cfg: Config, loader: str) -> None:
    """Check that the folders that a data loader reads exist.

    Args:
        cfg: Config of the run.
        loader: Name of the data loader, such as "train_dataloader".

    Raises:
        FileNotFoundError: If a folder is missing, with the command that fills it.
        ValueError: If the config has no such loader.
    """
    if not cfg.get(loader):
        raise ValueError(f"config must define {loader}, but {cfg.filename} does not.")
    for settings in walk_settings(cfg[loader].get("dataset")):
        for name in ("data_root", "info_root"):
            folder = settings.get(name)
            if folder and not Path(folder).is_dir():
                raise FileNotFoundError(
                    f"{name} must be a folder, but got {folder}, which does not exist; name it "
                    f"with --{name.replace('_', '-')}{_remedy(name, settings)}."
                )


def set_training(
    cfg: Config,
    *,
    resume: str | None = None,
    amp: bool = False,
    scale_lr: bool = True,
    seed: int | None = None,
) -> None:
    """Apply the options of a training, in place.

    Args:
        cfg: Config to change.
        resume: Checkpoint to go on from; "auto": the last one of ``work_dir``; or None.
        amp: Train in mixed precision.
        scale_lr: Multiply the learning rate by the batch size of all processes over
            ``auto_scale_lr.base_batch_size``.
        seed: Seed in place of the config's.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If mixed precision is asked for without an accelerator.
    """
    if resume is not None:
        if resume != "auto" and not Path(resume).is_file():
            raise FileNotFoundError(f"--resume must name a checkpoint, but got {resume}.")
        cfg.resume = True
        cfg.load_from = None if resume == "auto" else resume
    if amp:
        if get_device() == "cpu":
            raise ValueError("--amp must run on a GPU, but torch sees none; leave it out.")
        cfg.optim_wrapper.type = "AmpOptimWrapper"
        cfg.optim_wrapper.setdefault("loss_scale", "dynamic")
    if cfg.get("auto_scale_lr"):
        cfg.auto_scale_lr.enable = scale_lr
    if seed is not None:
        cfg.randomness = {**cfg.get("randomness", {}), "seed": seed}
        for settings in walk_settings(cfg.train_dataloader.dataset):
            if _takes(settings, "seed"):
                settings["seed"] = seed


def set_pretrained(cfg: Config, checkpoint: str) -> None:
    """Start the parts that a config's ``load_pretrained_from`` names from a checkpoint.

    Args:
        cfg: Config to change, in place.
        checkpoint: File of weights.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If the config says nothing of pre-trained weights.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f"--pretrained must name a checkpoint, but got {checkpoint}.")
    if not isinstance(cfg.get("load_pretrained_from"), dict):
        raise ValueError(
            f"config must say in load_pretrained_from what --pretrained is for, but {cfg.filename} "
            "does not."
        )
    cfg.load_pretrained_from.checkpoint = checkpoint


def build_runner(cfg: Config) -> Runner:
    """Build the runner; a key ``load_pretrained_from`` of the config becomes a hook.

    Args:
        cfg: Config of the run. ``load_pretrained_from`` holds the arguments of
            :class:`~perception_kd.engine.hooks.LoadPretrainedHook`, or a list of such.
            One without a checkpoint leaves the random initialization, and says so.
    """
    sources = cfg.get("load_pretrained_from") or []
    hooks = [
        dict(type="LoadPretrainedHook", **source)
        for source in (sources if isinstance(sources, list) else [sources])
    ]
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), *hooks]
    drop_unreached_schedulers(cfg)
    check_schedulers(cfg)
    return Runner.from_cfg(cfg)


def drop_unreached_schedulers(cfg: Config) -> None:
    """Leave out what a schedule holds for after the last epoch, in place.

    mmengine refuses it, and with it every trial run of one epoch of a schedule that
    decays after a warm-up.

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

    A one-cycle schedule with one ``eta_max`` sets every rate to it, and a head meant to
    learn a hundred times as fast learns like the rest.

    Args:
        cfg: Config of the run.

    Raises:
        ValueError: If there is such a schedule beside an ``lr_mult``.
    """
    paramwise = (cfg.get("optim_wrapper") or {}).get("paramwise_cfg") or {}
    keys = [k for k, v in paramwise.get("custom_keys", {}).items() if v.get("lr_mult", 1) != 1]
    schedulers = cfg.get("param_scheduler") or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        cycles = "OneCycle" in scheduler["type"] and "Momentum" not in scheduler["type"]
        if keys and cycles and not isinstance(scheduler["eta_max"], list | tuple):
            raise ValueError(
                f"eta_max of {scheduler['type']} must be a list, one rate for each group of "
                f"parameters, where custom_keys give {', '.join(keys)} a rate of their own, but "
                f"got {scheduler['eta_max']}, which would level them; CosineAnnealingLR keeps them."
            )


def prepare_resumed(runner: Runner, cfg: Config) -> None:
    """Check that the checkpoint to go on from is of the config's model, and trust it.

    The runner itself goes on with whatever fits, or fails in the optimizer; and before
    that it reads all files of a fresh start, such as a teacher's, which may be gone.

    Args:
        runner: Runner of the config.
        cfg: Config of the run, after :func:`set_training`.

    Raises:
        ValueError: If names or shapes differ.
    """
    if not cfg.get("resume"):
        return
    path = cfg.get("load_from") or find_latest_checkpoint(runner.work_dir)
    if path is None:
        return
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    report = load_report(model, read_state_dict(path))
    misfits = [*report.missing, *report.unexpected, *(name for name, *_ in report.mismatched)]
    if misfits:
        raise ValueError(
            f"--resume must go on with a checkpoint of {cfg.filename}, but {path} differs in "
            f"{len(misfits)} tensors, first {misfits[0]}; take that run's own checkpoint, or "
            "another --work-dir."
        )
    model.init_weights = lambda: None


def _takes(settings: dict[str, Any], argument: str) -> bool:
    """Tell whether settings are of a data set that has an argument of that name."""
    kind = settings.get("type")
    data_set = DATASETS.get(kind) if isinstance(kind, str) else kind
    return data_set is not None and argument in inspect.signature(data_set).parameters


def _remedy(name: str, settings: dict[str, Any]) -> str:
    if name == "data_root":
        return ""
    ann_file, root = str(settings.get("ann_file")), str(settings.get("data_root"))
    return f", or make it: {creation_command(ann_file, root, settings[name])}"
