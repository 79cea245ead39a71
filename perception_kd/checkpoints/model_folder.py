"""Folders of a model: weights in safetensors beside the config of their training.

Such a folder has ``model.safetensors``, which can hold nothing but tensors, and
``config.json``; model hubs expect these names.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from perception_kd.checkpoints.reading import RANGES_ENTRY, Checkpoint
from perception_kd.io.atomic import write_json, write_whole

_WEIGHTS = "model.safetensors"
_SETTINGS = "config.json"
# What of a training is kept beside its config: entries of "meta" of its checkpoint.
_META = ("cfg", "epoch", "iter", "dataset_meta", RANGES_ENTRY)


def is_model_folder(path: str | Path) -> bool:
    """Return whether a path is a folder that :func:`write_model_folder` has made."""
    return (Path(path) / _SETTINGS).is_file() and (Path(path) / _WEIGHTS).is_file()


def read_model_folder(path: str | Path) -> Checkpoint:
    """Read the weights of a folder and what is stored about their training.

    Args:
        path: The folder.

    Returns:
        As of a checkpoint file.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or the weights are not those that the settings
            were written for.
    """
    folder = Path(path)
    for name in (_WEIGHTS, _SETTINGS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"No {name} in the folder {folder}; copy or download it again.")
    settings = read_folder_settings(folder)
    data = (folder / _WEIGHTS).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if settings["sha256"] != found:
        raise ValueError(
            f"{folder / _WEIGHTS} has the SHA-256 {found[:12]}..., but {_SETTINGS} was written for "
            f"{str(settings['sha256'])[:12]}...: one of the two is damaged or of another model; "
            "copy or download both again."
        )
    try:
        state = load(data)
    except SafetensorError as error:
        raise ValueError(f"Cannot read {folder / _WEIGHTS}: {error}.") from error
    return Checkpoint(folder / _WEIGHTS, state, settings["meta"], tuple(settings))


def read_folder_settings(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a folder.

    Raises:
        ValueError: If it is not JSON, or lacks an entry.
    """
    try:
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{folder / _SETTINGS} is not JSON ({error}); it is damaged.") from error
    meta = settings.get("meta") if isinstance(settings, dict) else None
    if not isinstance(meta, dict) or "sha256" not in settings:
        raise ValueError(
            f"{folder / _SETTINGS} must have the entries meta and sha256, as tools/export.py "
            "writes them; the folder is of another program."
        )
    return dict(settings)


def write_model_folder(
    folder: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write weights and settings.

    Args:
        folder: Folder, which exists.
        state: Tensors by name.
        meta: What the training's checkpoint stores besides its weights.
        about: Further entries of ``config.json``, JSON types.

    Returns:
        The content of ``config.json``.
    """
    # Copies: tensors that share their values are refused.
    data = save({name: value.detach().contiguous().clone() for name, value in state.items()})
    settings = {
        **about,
        "sha256": hashlib.sha256(data).hexdigest(),
        "meta": {name: _as_json(meta[name]) for name in _META if name in meta},
    }
    write_whole(folder / _WEIGHTS, data)
    write_json(folder / _SETTINGS, settings)
    return settings


def _as_json(value: Any) -> Any:
    """Return a value with lists for tuples, and texts for what JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)
