"""Build the model of a checkpoint from the config in it, as data.

A checkpoint may come from anybody, and mmengine's registries import whatever module a
``type`` names. So only parts that are registered already are built.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.model import BaseModel
from mmengine.registry import Registry, init_default_scope

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.config.text import parse_config_text
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS, TASK_UTILS
from perception_kd.utils.log_levels import only_errors_logged

SCOPE = "perception_kd"
# Settings of a start from other weights, which those of the checkpoint replace: left
# out, and set to None.
_STARTS = ("init_cfg", "pretrained")
_FILES = ("checkpoint", "teacher_checkpoint")
# Its checkpoint, a folder, also says how large the network is.
SIZED_BY_CHECKPOINT = "VisionTransformerTeacher"
# Imports what its settings name, which a checkpoint must not choose.
_PROGRAM = "CallableTeacher"


def read_stored_config(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the config that a checkpoint was trained with, without running it.

    Raises:
        ValueError: If the checkpoint has none, or one that is not a config.
    """
    text = checkpoint.meta.get("cfg")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"The checkpoint {checkpoint.path} does not hold the config of its training, as those "
            "of tools/train.py do; name it: load(checkpoint, config=...)."
        )
    settings = parse_config_text(text, f"The config in {checkpoint.path}")
    if not isinstance(settings.get("model"), dict):
        raise ValueError(
            f"The config in {checkpoint.path} has no model; name the config of the training: "
            "load(checkpoint, config=...)."
        )
    return settings


def build_stored_model(settings: Mapping[str, Any], path: Path) -> TaskModel:
    """Build the model of a config that came with a checkpoint.

    Args:
        settings: The value of ``model``; it is not changed.
        path: The checkpoint, for errors.

    Raises:
        FileNotFoundError: If a part needs a file that is not there, such as the folder
            of a vision transformer.
        ValueError: If a part is not registered, or the model is not of this project.
    """
    init_default_scope(SCOPE)
    model = without_starts(dict(settings))
    kind = find_class(MODELS, model.get("type"))
    if kind is None or not issubclass(kind, TaskModel):
        raise ValueError(
            f"{path} holds a {model.get('type')}, which is not a model of perception_kd; import "
            "the module that registers it before load()."
        )
    for number, part in enumerate(walk_settings(model)):
        if number and "type" in part:
            _check_part(part["type"], path)
        if "_scope_" in part:
            raise ValueError(f"The config in {path} sets _scope_, which load() does not allow.")
    with only_errors_logged():  # weights are random, and loaded next
        built: TaskModel = MODELS.build(model)
    return built


def find_class(registry: Registry, name: Any) -> type | None:
    """Find a registered class as a config names it, and import nothing for it.

    Args:
        registry: Registry of this project.
        name: Value of ``type``, such as "MinkUNet" or "mmdet.ResNet".

    Returns:
        The class; None if nothing of that name is registered.

    Example:
        >>> find_class(MODELS, "MinkUNet").__name__
        'MinkUNet'
        >>> find_class(MODELS, "os.system") is None
        True
    """
    if not isinstance(name, str):
        return None
    scope, _, key = name.rpartition(".")
    found = registry if scope in ("", SCOPE) else _of_scope(registry, scope)
    while found is not None:
        found.import_from_location()
        if key in found.module_dict:
            kind = found.module_dict[key]
            return kind if isinstance(kind, type) else None
        found = found.parent
    return None


def _of_scope(registry: Registry, scope: str) -> Registry | None:
    """Return the registry of another project that has the same kind of parts."""
    while registry.parent is not None:
        registry = registry.parent
    return registry if scope == registry.scope else registry.children.get(scope)


def _check_part(name: Any, path: Path) -> None:
    if name == _PROGRAM:
        raise ValueError(
            f"The network in {path} has a teacher of your own, which is a program; name the config "
            "of its training, which you have read: load(checkpoint, config=...)."
        )
    kind = find_class(MODELS, name) or find_class(TASK_UTILS, name)
    if kind is None or issubclass(kind, BaseModel):
        raise ValueError(
            f"The config in {path} has a part of type {name}, which is not registered; import "
            "the module that registers it before load()."
        )


def without_starts(settings: Any) -> Any:
    """Copy settings without those that load other weights.

    Args:
        settings: Value of ``model`` in a config, or a part of it.
    """
    if isinstance(settings, dict):
        unset = () if settings.get("type") == SIZED_BY_CHECKPOINT else _FILES
        kept = {key: value for key, value in settings.items() if key not in _STARTS}
        return {k: None if k in unset else without_starts(v) for k, v in kept.items()}
    if isinstance(settings, list | tuple):
        return type(settings)(without_starts(value) for value in settings)
    return settings
