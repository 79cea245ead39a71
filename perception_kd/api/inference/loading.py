"""Load a trained network from its checkpoint alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.logging import print_log

from perception_kd.api.inference.building import build_unloaded_model
from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.api.inference.preparation import Preparation
from perception_kd.api.inference.stored_model import check_stored_model, read_stored_config
from perception_kd.api.inference.teacher import (
    TEACHER_PART,
    check_given_teacher,
    choose_teacher,
    is_absent,
    match_teacher,
)
from perception_kd.checkpoints.folder import find_newest, list_checkpoints
from perception_kd.checkpoints.loading import load_weights
from perception_kd.checkpoints.matching import list_names
from perception_kd.checkpoints.model_folder import find_model_folder, read_model_folder
from perception_kd.checkpoints.reading import Checkpoint, read_checkpoint
from perception_kd.engine.hooks.point_ranges import read_intensity_range
from perception_kd.engine.run.launch import read_config
from perception_kd.models.networks.task_model import TaskModel


def load(
    checkpoint: str | Path,
    *,
    device: str | torch.device | None = None,
    config: str | Path | None = None,
    teacher: str | Path = "",
) -> TrainedNetwork:
    """Load a network that ``tools/train.py`` or :func:`perception_kd.pretrain` trained.

    The network, its classes and what it does with points and images are read from the
    config in the checkpoint, as data: nothing in the file is run. Parts of a network
    that are your own must be registered before, by importing their module.

    Args:
        checkpoint: File of weights; a folder that ``tools/export.py --to safetensors``
            has written; or the folder of a training, of which the newest whole
            checkpoint is taken. It may be the folder above, if that has no checkpoint
            and no other training.
        device: Where to compute, such as "cpu" or "cuda:1"; None takes a GPU where
            torch finds one.
        config: Config of the training in place of the one in the checkpoint, for files
            that have none. It is a program, and is run.
        teacher: File or folder of the weights of the frozen image network, which model
            folders do not have; or that network as "module:callable", which is
            imported. Only ``images`` of SLidR and PPKT needs it.

    Returns:
        The network, in eval mode.

    Raises:
        FileNotFoundError: If there is no checkpoint, config or teacher, or the folder
            is that of several trainings.
        ValueError: If the file cannot be read, has no config or weights that do not fit
            it, a weight is not finite, or ``teacher`` is not the one that taught.

    Example:
        >>> load("work_dirs/x/epoch_12.pth")
        Traceback (most recent call last):
        FileNotFoundError: No checkpoint at work_dirs/x/epoch_12.pth; check the path.
    """
    chosen = _choose_device(device)
    content = read_trained(Path(checkpoint))
    settings = read_stored_config(content) if config is None else read_config(config).to_dict()
    model = _build(settings, content, config, str(teacher))
    weights, from_elsewhere = match_teacher(content, model)
    report = load_weights(model, weights, min_share=1.0, ignore=from_elsewhere)
    if report.unexpected:
        raise ValueError(
            f"{content.path} has {len(report.unexpected)} tensors that its network lacks "
            f"({list_names(report.unexpected)}); give the config of its training: "
            "load(checkpoint, config=...)."
        )
    check_given_teacher(content, model)
    model.to(chosen).eval()
    preparation = Preparation(settings, content.path)
    intensities = read_intensity_range(content.meta)
    return TrainedNetwork(
        model,
        preparation,
        content.path,
        _find_classes(model, content),
        None if intensities is None else intensities[1],
    )


def read_trained(path: Path) -> Checkpoint:
    """Read the weights of a trained network, and what is stored beside them.

    Args:
        path: As of :func:`load`.

    Raises:
        FileNotFoundError: If there is no checkpoint, or there are several trainings.
        ValueError: If the file cannot be read.
    """
    folder = find_model_folder(path)
    if folder is not None and not list_checkpoints(folder):
        return read_model_folder(folder)
    if path.suffix == ".safetensors" and path.is_file():
        raise ValueError(
            f"{path} has no config of its training beside it; give a folder that tools/export.py "
            "--to safetensors has written."
        )
    return read_checkpoint(_find_file(path))


def _find_file(path: Path) -> Path:
    """Return a file, or the newest whole checkpoint of a folder or its only run."""
    if not path.is_dir():
        return path
    files = list_checkpoints(path)
    if not files:
        below = {each: list_checkpoints(each) for each in sorted(path.iterdir())}
        trainings = [each for each, found in below.items() if found]
        if len(trainings) > 1:
            raise FileNotFoundError(
                f"No checkpoint in the folder {path}, but in several folders below it: "
                f"{', '.join(each.name for each in trainings)}; give one of them."
            )
        files = [file for each in trainings for file in below[each]]
    newest = find_newest(files)
    if newest.path is None:
        broken = f" ({'; '.join(newest.broken)})" if newest.broken else ""
        raise FileNotFoundError(
            f"No whole checkpoint in the folder {path}{broken}; give that of a training, or one "
            "that tools/export.py --to safetensors has written."
        )
    return newest.path


def _build(
    settings: Mapping[str, Any], content: Checkpoint, config: str | Path | None, teacher: str
) -> TaskModel:
    """Build the network of a config, and log if that is without its teacher."""
    model: Mapping[str, Any] = settings["model"]
    chosen = choose_teacher(model, content, teacher, runs_programs=config is not None)
    if config is None:
        check_stored_model({**model, TEACHER_PART: chosen} if chosen else model, content.path)
    built = build_unloaded_model(model, config or content.path, chosen)
    if is_absent(built):
        print_log(
            f"{content.path}: its teacher is left out, so net.images() has no features.",
            logger="current",
        )
    return built


def _choose_device(device: str | torch.device | None) -> torch.device:
    try:
        chosen = torch.device(device or get_device())
    except RuntimeError as error:
        raise ValueError(f"device: {error}") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={chosen} is not there: torch finds {torch.cuda.device_count()} GPUs; give "
            'device="cpu", or leave it out.'
        )
    return chosen


def _find_classes(model: TaskModel, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the classes of a task, from the model or from its training's data."""
    named = tuple(name for names in model.class_names.values() for name in names)
    stored = checkpoint.meta.get("dataset_meta")
    if named or not isinstance(stored, Mapping) or not hasattr(model, "pts_seg_head"):
        return named
    return tuple(stored.get("seg_classes") or ())
