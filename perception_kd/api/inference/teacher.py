"""The frozen image network of a trained network, which may have to be left out."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perception_kd.api.inference.building import PROGRAM, SIZED_BY_CHECKPOINT, find_class
from perception_kd.checkpoints.model_folder import TEACHER_ENTRY
from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.models.backbones import CallableTeacher, FrozenBackbone
from perception_kd.models.backbones.absent_teacher import AbsentTeacher
from perception_kd.models.backbones.efficientnet_lite import FROM_PACKAGE, PACKAGE
from perception_kd.models.backbones.teacher_identity import (
    DECLARED,
    describe_teacher,
    name_differences,
)
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.registry import MODELS

TEACHER_PART = "img_backbone"
_PREFIX = f"{TEACHER_PART}."
_PROJECTION = "img_head.conv.weight"
# What has to be equal in a teacher that is given back. The class may have another name.
_COMPARED = ("weights", "channels", *DECLARED)


def choose_teacher(
    settings: Mapping[str, Any], content: Checkpoint, given: str, *, runs_programs: bool
) -> dict[str, Any] | None:
    """Choose the frozen image network to build.

    Args:
        settings: Value of ``model`` in the config of the training.
        content: Its checkpoint.
        given: File or folder of the teacher's weights, or "module:callable"; "" for
            none.
        runs_programs: Whether the config may name programs: the user has read it.

    Returns:
        Value of ``img_backbone``: of the teacher that is given, or without one where it
        was left out or cannot be built here; None for that of the config.

    Raises:
        FileNotFoundError: If there is nothing at ``given``.
        ValueError: If the network has no such teacher, or ``given`` is of another kind.
    """
    if not _has_frozen_teacher(settings):
        if given:
            raise ValueError(
                f"The network of {content.path} has no frozen image network as its teacher; leave "
                "teacher out."
            )
        return None
    frozen = dict(settings[TEACHER_PART])
    own = dict(frozen["backbone"])
    if given:
        return {**frozen, "backbone": _put_weights(own, given, content.path)}
    kind, file = own.get("type"), own.get("checkpoint")
    if TEACHER_ENTRY in content.meta:
        if file == FROM_PACKAGE and find_spec(PACKAGE) is not None:
            return {**frozen, "backbone": own}
        reason = "a model folder leaves the weights of frozen image networks out"
    elif kind == PROGRAM and not runs_programs:
        reason = "a teacher of your own is a program, which a checkpoint cannot name"
    elif kind == SIZED_BY_CHECKPOINT and not (Path(str(file)) / "config.json").is_file():
        reason = f"its folder {file} is not there"
    else:
        return None
    wanted = _remedy(kind, content.path)
    message = f"{content.path} was loaded without its teacher, {_name(own)}: {reason}. {wanted}"
    channels, declared = _declared(settings, content)
    absent = dict(type=AbsentTeacher, channels=channels, declared=declared, reason=message)
    return {**frozen, "backbone": absent}


def match_teacher(content: Checkpoint, model: TaskModel) -> tuple[Checkpoint, tuple[str, ...]]:
    """Return the weights that a model has a place for, and which it needs not.

    Args:
        content: Checkpoint.
        model: Model that was built for it.

    Returns:
        The checkpoint, without weights of a teacher that was left out; and beginnings
        of the names of weights that the model has from elsewhere.
    """
    if is_absent(model):
        kept = {k: v for k, v in content.state_dict.items() if not k.startswith(_PREFIX)}
        return replace(content, state_dict=kept), ()
    return content, (_PREFIX,) if TEACHER_ENTRY in content.meta else ()


def check_given_teacher(content: Checkpoint, model: TaskModel) -> None:
    """Check that a teacher that was left out, and is given, is the same.

    Raises:
        ValueError: If it has other weights, or another map.
    """
    stored = content.meta.get(TEACHER_ENTRY)
    if is_absent(model) or not isinstance(stored, Mapping):
        return
    found = describe_teacher(getattr(model, TEACHER_PART))
    compared = [name for name in _COMPARED if name in stored]
    differences = name_differences(
        {name: stored[name] for name in compared}, {name: found[name] for name in compared}
    )
    if differences:
        raise ValueError(
            f"The teacher is not the one of {content.path}: {'; '.join(differences)}. Give the "
            "weights that it was trained with, or leave teacher out: points need none."
        )


def leave_teacher_out(
    model: TaskModel, content: Checkpoint
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """Return the weights of a model without those of a frozen image network.

    Args:
        model: The model.
        content: Checkpoint that it is from.

    Returns:
        Tensors by name; and the description of the network that was left out, by which
        it can be recognized, None where there is none.
    """
    state = model.state_dict()
    network = getattr(model, TEACHER_PART, None)
    if not (isinstance(model, ImageToLidarPretrainer) and isinstance(network, FrozenBackbone)):
        return state, None
    kept = {name: value for name, value in state.items() if not name.startswith(_PREFIX)}
    if not is_absent(model):
        return kept, describe_teacher(network)
    return kept, content.meta.get(TEACHER_ENTRY) or {"channels": network.out_channels}


def is_absent(model: TaskModel) -> bool:
    """Return whether a model was built without its teacher."""
    return isinstance(getattr(getattr(model, TEACHER_PART, None), "backbone", None), AbsentTeacher)


def _has_frozen_teacher(settings: Mapping[str, Any]) -> bool:
    kind = find_class(MODELS, settings.get("type"))
    network = settings.get(TEACHER_PART)
    return (
        kind is not None
        and issubclass(kind, ImageToLidarPretrainer)
        and isinstance(network, Mapping)
        and find_class(MODELS, network.get("type")) is FrozenBackbone
        and isinstance(network.get("backbone"), Mapping)
    )


def _put_weights(own: dict[str, Any], given: str, path: Path) -> dict[str, Any]:
    """Return the settings of a teacher with its weights, or the program, as given."""
    is_file = Path(given).exists() or given == FROM_PACKAGE
    if own.get("type") == PROGRAM or (":" in given and not is_file):
        if is_file or ":" not in given:
            raise ValueError(
                f"teacher={given!r}: the teacher of {path} is a program ({own.get('name')}); give "
                'its "module:callable".'
            )
        return dict(type=CallableTeacher, name=given)
    if not is_file:
        raise FileNotFoundError(
            f"teacher={given!r}: nothing is there; give the file or folder of the weights of "
            f"{_name(own)}, which taught {path}."
        )
    return {**own, "checkpoint": given}


def _name(own: Mapping[str, Any]) -> str:
    named = own.get("name") or Path(str(own.get("checkpoint") or "with random weights")).name
    return f"{own.get('type')} {named}"


def _remedy(kind: Any, path: Path) -> str:
    what = {PROGRAM: "module:callable", SIZED_BY_CHECKPOINT: "FOLDER_OF_ITS_MODEL"}.get(
        str(kind), "FILE_OF_ITS_WEIGHTS"
    )
    return (
        "Features of points need none; for those of images give it: "
        f'perception_kd.load("{path}", teacher="{what}").'
    )


def _declared(settings: Mapping[str, Any], content: Checkpoint) -> tuple[int, Mapping[str, Any]]:
    """Return the channels of a teacher's map, and what else is known of it."""
    stored = content.meta.get(TEACHER_ENTRY)
    declared: Mapping[str, Any] = stored if isinstance(stored, Mapping) else {}
    weight = content.state_dict.get(_PROJECTION)
    channels = (settings.get("img_head") or {}).get("in_channels") or declared.get("channels")
    return int(channels or (1 if weight is None else weight.shape[1])), declared
