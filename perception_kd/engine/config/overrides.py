"""Apply the options of the command-line tools to a config."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from mmengine import Config
from mmengine.device import get_device

from perception_kd.registry import DATASETS, MODELS

_READERS = (
    "train_dataloader",
    "val_dataloader",
    "test_dataloader",
    "val_evaluator",
    "test_evaluator",
)


def walk_settings(settings: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict of nested settings, outermost first.

    Args:
        settings: Nested dicts, lists and tuples; anything else holds no dicts.

    Example:
        >>> [list(each) for each in walk_settings({"a": [{"b": 1}], "c": 2})]
        [['a', 'c'], ['b']]
    """
    if isinstance(settings, dict):
        yield settings
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for value in settings:
            yield from walk_settings(value)


def set_data_folders(cfg: Config, data_root: str | None, info_root: str | None) -> None:
    """Point every data set of a config to other folders, in place.

    A config repeats its ``data_root`` in each data set and metric, which overriding the
    variable alone does not reach.

    Args:
        cfg: Config to change.
        data_root: Folder of the sensor data; None keeps the config's.
        info_root: Folder of info files and caches; by default ``data_root`` if that is
            given.
    """
    folders = {"data_root": data_root, "info_root": info_root or data_root}
    for name, folder in folders.items():
        if folder is None:
            continue
        if name in cfg:
            cfg[name] = folder
        for reader in _READERS:
            for settings in walk_settings(cfg.get(reader)):
                if name in settings or _is_data_set_with(settings, name):
                    settings[name] = folder


def set_data_set(cfg: Config, prefix: str) -> list[str]:
    """Read the info files of another data set, in place.

    Lists of scenes that a config names, such as SLidR's, are of its own data set: they
    are left out, so that all scenes of an info file are used.

    Args:
        cfg: Config to change.
        prefix: What names of info files begin with, before ``_infos_train.pkl``.

    Returns:
        Names of the lists of scenes that were left out.

    Raises:
        ValueError: If the config names no info file.
    """
    named, left_out = False, []
    for reader in _READERS:
        for settings in walk_settings(cfg.get(reader)):
            before, infos, rest = str(settings.get("ann_file", "")).partition("_infos_")
            if not infos:
                continue
            named = True
            folder, slash, name = before.rpartition("/")
            settings["ann_file"] = f"{folder}{slash}{prefix}{infos}{rest}"
            if isinstance(settings.get("scenes"), str) and name != prefix:
                left_out.append(settings["scenes"])
                settings["scenes"] = None
    if not named:
        raise ValueError(
            f"--dataset {prefix}: {cfg.filename} names no info file NAME_infos_SPLIT.pkl; set "
            "ann_file with --cfg-options."
        )
    return list(dict.fromkeys(left_out))


def set_classes(cfg: Config, classes: Sequence[str]) -> None:
    """Let a model and its data sets have other classes of boxes or points, in place.

    Args:
        cfg: Config to change.
        classes: Names of the classes, in the order of their labels.

    Raises:
        ValueError: If a name is repeated, or the model has no classes to choose.
    """
    names = list(classes)
    if len(set(names)) < len(names):
        raise ValueError(f"--classes must have each class once, but got {', '.join(names)}.")
    model = cfg.get("model") or {}
    if "pts_bbox_head" in model:
        key, model["pts_bbox_head"]["classes"] = "classes", names
    elif "out_channels" in (model.get("pts_seg_head") or {}):
        key, model["pts_seg_head"]["out_channels"] = "seg_classes", len(names)
    else:
        raise ValueError(
            "--classes needs a model with classes of boxes or points, but the model of "
            f"{cfg.filename} is {model.get('type')}; leave --classes out."
        )
    for reader in _READERS:
        for each in walk_settings(cfg.get(reader)):
            if _is_data_set_with(each, "with_boxes"):
                each["metainfo"] = {**(each.get("metainfo") or {}), key: names}


def set_training(
    cfg: Config,
    *,
    amp: Literal["fp16", "bf16"] | None = None,
    scale_lr: bool = True,
    seed: int | None = None,
    channels_last: bool = False,
    compile_dense: bool = False,
) -> None:
    """Apply the options of a training, in place.

    Args:
        cfg: Config to change.
        amp: Half precision of a training in mixed precision; None for float32.
        scale_lr: Multiply the learning rate by the batch size of all processes over
            ``auto_scale_lr.base_batch_size``.
        seed: Seed in place of the config's.
        channels_last: Whether 2D convolutions compute with their channels last.
        compile_dense: Whether networks with 2D convolutions are compiled.

    Raises:
        ValueError: If mixed precision is requested without an accelerator.
    """
    if amp is not None:
        if get_device() == "cpu":
            raise ValueError("--amp needs a GPU, but torch finds none; drop --amp.")
        cfg.optim_wrapper.type = "AmpOptimWrapper"
        cfg.optim_wrapper.dtype = {"fp16": "float16", "bf16": "bfloat16"}[amp]
        cfg.optim_wrapper.setdefault("loss_scale", "dynamic")
    if channels_last:
        cfg.custom_hooks = [*cfg.get("custom_hooks", []), dict(type="ChannelsLastHook")]
    if compile_dense:
        cfg.custom_hooks = [*cfg.get("custom_hooks", []), dict(type="CompileDenseHook")]
    if cfg.get("auto_scale_lr"):
        cfg.auto_scale_lr.enable = scale_lr
    if seed is not None:
        cfg.randomness = {**cfg.get("randomness", {}), "seed": seed}
        for settings in walk_settings(cfg.train_dataloader.dataset):
            if _is_data_set_with(settings, "seed"):
                settings["seed"] = seed


def set_pretrained(cfg: Config, checkpoint: str) -> None:
    """Start the parts that a config's ``load_pretrained_from`` names from a checkpoint.

    Args:
        cfg: Config to change, in place.
        checkpoint: File of weights.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If the config has no ``load_pretrained_from``, or a list of them.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f"--pretrained: no checkpoint at {checkpoint}.")
    if not isinstance(cfg.get("load_pretrained_from"), dict):
        model = MODELS.get(cfg.model.type)
        remedy = ""
        if model is not None and "teacher_checkpoint" in inspect.signature(model).parameters:
            remedy = f" Give its teacher as --cfg-options model.teacher_checkpoint={checkpoint}."
        raise ValueError(
            "--pretrained needs a config with load_pretrained_from=dict(...), which names the "
            f"part to load; {cfg.filename} has none.{remedy}"
        )
    cfg.load_pretrained_from.checkpoint = checkpoint


def _is_data_set_with(settings: dict[str, Any], argument: str) -> bool:
    """Return whether settings build a data set that has an argument of that name."""
    kind = settings.get("type")
    data_set = DATASETS.get(kind) if isinstance(kind, str) else kind
    return data_set is not None and argument in inspect.signature(data_set).parameters
