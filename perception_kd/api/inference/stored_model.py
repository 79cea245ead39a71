"""The config in a checkpoint, as data.

A checkpoint may come from an untrusted source, and mmengine's registries import any
module that a ``type`` names. So only parts that are registered already are allowed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from perception_kd.api.inference.building import PROGRAM, SCOPE, find_class, without_starts
from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.config.text import parse_config_text
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS, TASK_UTILS


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


def check_stored_model(settings: Mapping[str, Any], path: Path) -> None:
    """Refuse the model of a config that came with a checkpoint, if it is not plain.

    Args:
        settings: The value of ``model``. Classes in it, in place of their names, are of
            the caller and not of the checkpoint.
        path: The checkpoint, for errors.

    Raises:
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
        if number and not isinstance(part.get("type", object), type):
            _check_part(part["type"], path)
        if "_scope_" in part:
            raise ValueError(f"The config in {path} sets _scope_, which load() does not allow.")


def _check_part(name: Any, path: Path) -> None:
    if name == PROGRAM:
        raise ValueError(
            f"The network in {path} has a part of your own, {name}, which is a program; name the "
            "config of its training, which you have read: load(checkpoint, config=...)."
        )
    kind = find_class(MODELS, name) or find_class(TASK_UTILS, name)
    if kind is None or issubclass(kind, BaseModel):
        raise ValueError(
            f"The config in {path} has a part of type {name}, which is not registered; import "
            "the module that registers it before load()."
        )
