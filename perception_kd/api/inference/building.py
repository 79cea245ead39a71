"""Build the model of a config whose weights come from elsewhere."""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import Registry, init_default_scope

from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS, TASK_UTILS
from perception_kd.utils.log_levels import only_errors_logged

SCOPE = "perception_kd"
# Settings of a start from other weights: left out, and set to None. The first is
# of mmengine in any class; the others mean this in classes of these packages only.
_START = "init_cfg"
_MORE_STARTS = ("pretrained",)
_FILES = ("checkpoint", "teacher_checkpoint")
_PACKAGES = (SCOPE, "mmdet3d", "mmdet", "mmengine", "mmcv")
# Imports what its settings name, which a checkpoint must not choose.
PROGRAM = "CallableTeacher"
# Its checkpoint, a folder, also says how large the network is.
SIZED_BY_CHECKPOINT = "VisionTransformerTeacher"


def build_unloaded_model(
    settings: Mapping[str, Any], source: object, teacher: Mapping[str, Any] | None = None
) -> TaskModel:
    """Build a model without the files of weights that its training starts from.

    Args:
        settings: Value of ``model`` in a config; it is not changed.
        source: Config or checkpoint that it is from, for errors.
        teacher: Value of ``img_backbone`` to take instead, with its files.

    Returns:
        The model, with random weights.

    Raises:
        FileNotFoundError: If a part needs a file that is not there, such as the folder
            of a vision transformer.
        ValueError: If it is no model of this project.
    """
    init_default_scope(SCOPE)
    plain = without_starts(dict(settings))
    if teacher is not None:
        plain["img_backbone"] = dict(teacher)
    with only_errors_logged():  # weights are random, and loaded next
        model = MODELS.build(plain)
    if not isinstance(model, TaskModel):
        raise ValueError(f"{source} builds a {type(model).__name__}, no model of perception_kd.")
    return model


def without_starts(settings: Any, is_known: bool = True) -> Any:
    """Copy settings without those that load other weights.

    A class of your own may have a setting of such a name with another meaning, so its
    settings are kept.

    Args:
        settings: Value of ``model`` in a config, or a part of it.
        is_known: Whether settings without a ``type`` belong to a class of this project,
            or of those that it is built on.
    """
    if isinstance(settings, list | tuple):
        return type(settings)(without_starts(value, is_known) for value in settings)
    if not isinstance(settings, dict):
        return settings
    if "type" in settings:
        is_known = _is_known(settings["type"])
    left_out = (_START, *_MORE_STARTS) if is_known else (_START,)
    unset = _FILES if is_known and settings.get("type") != SIZED_BY_CHECKPOINT else ()
    return {
        name: None if name in unset else without_starts(value, is_known)
        for name, value in settings.items()
        if name not in left_out
    }


def _is_known(name: Any) -> bool:
    kind = name if isinstance(name, type) else find_class(MODELS, name)
    kind = kind or find_class(TASK_UTILS, name)
    return kind is not None and kind.__module__.partition(".")[0] in _PACKAGES


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
