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
from perception_kd.io.bounded import file_size, read_bounded
from perception_kd.io.errors import BrokenFileError

# Entry of "meta" that describes a frozen teacher whose weights were left out.
TEACHER_ENTRY = "teacher"
_WEIGHTS = "model.safetensors"
_SETTINGS = "config.json"
# What of a training is kept beside its config: entries of "meta" of its checkpoint.
_META = ("cfg", "epoch", "iter", "dataset_meta", RANGES_ENTRY, TEACHER_ENTRY)
# Layout of config.json; changes when older programs would misread it.
_FORMAT = 1
_FORMAT_ENTRY = "format_version"
_GIT_LFS = b"version https://git-lfs"
_AGAIN = "copy or download it again"
_MAX_JSON_BYTES = 2**26  # also of the header of safetensors


def find_model_folder(path: str | Path) -> Path | None:
    """Return the model folder that a path is, or of which it is a file.

    Args:
        path: A folder with ``model.safetensors`` or ``config.json``, or one of both
            files.

    Returns:
        The folder; None if the path is nothing of this kind.
    """
    given = Path(path)
    if given.name in (_WEIGHTS, _SETTINGS) and given.is_file():
        return given.parent
    has_file = any((given / name).is_file() for name in (_WEIGHTS, _SETTINGS))
    return given if has_file else None


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
            raise FileNotFoundError(
                f"No {name} in the folder {folder}, but a model folder has {_WEIGHTS} and "
                f"{_SETTINGS}; copy or download it again, or check the path."
            )
    settings = read_folder_settings(folder)
    data = _read_weights(folder / _WEIGHTS)
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
        raise ValueError(
            f"Cannot read {folder / _WEIGHTS} as safetensors ({error}); {_AGAIN}."
        ) from error
    return Checkpoint(folder / _WEIGHTS, state, settings["meta"], tuple(settings))


def _read_weights(path: Path) -> bytes:
    """Return the bytes of a file that has the size its header says.

    Raises:
        ValueError: If not, before more than the header is read.
    """
    size = file_size(path, "file of weights", f"{_AGAIN}.")
    with path.open("rb") as file:
        begin = file.read(len(_GIT_LFS))
        # Eight bytes with the length of the header, the header, then all values.
        length = int.from_bytes(begin[:8], "little")
        file.seek(8)
        header = file.read(length) if length <= min(size, _MAX_JSON_BYTES) else b""
    if begin == _GIT_LFS:
        raise ValueError(
            f"{path} is a pointer of Git LFS, not the weights; fetch them with: git lfs pull."
        )
    try:
        tensors = [each for key, each in json.loads(header).items() if key != "__metadata__"]
        expected = 8 + length + max((int(each["data_offsets"][1]) for each in tensors), default=0)
    except (
        ValueError,
        RecursionError,
        TypeError,
        ArithmeticError,
        LookupError,
        AttributeError,
    ) as error:
        raise ValueError(
            f"Cannot read {path} as safetensors, as its header is damaged; {_AGAIN}."
        ) from error
    if size != expected:
        fault = "truncated" if size < expected else "too long"
        raise ValueError(f"{path} is {fault}: it has {size:,} bytes of {expected:,}; {_AGAIN}.")
    return path.read_bytes()


def read_folder_settings(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a folder.

    Raises:
        ValueError: If it is not JSON, lacks an entry, or is of a newer format.
    """
    path = folder / _SETTINGS
    try:
        settings = json.loads(
            read_bounded(path, "settings of a model", f"{_AGAIN}.", _MAX_JSON_BYTES)
        )
    except BrokenFileError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): it is damaged; {_AGAIN}.") from error
    meta = settings.get("meta") if isinstance(settings, dict) else None
    if not isinstance(meta, dict) or "sha256" not in settings:
        raise ValueError(
            f"{path} must have the entries meta and sha256, as tools/export.py writes them; the "
            "folder is of another program: give one that tools/export.py --to safetensors wrote."
        )
    if settings.get(_FORMAT_ENTRY, _FORMAT) != _FORMAT:
        raise ValueError(
            f"{path} has {_FORMAT_ENTRY} {settings[_FORMAT_ENTRY]!r}, which perception_kd "
            f"{settings.get('version', 'of a later version')} wrote; this one reads {_FORMAT}: "
            "install that version, or export the checkpoint again."
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
    tensors = {name: value.detach().contiguous().clone() for name, value in state.items()}
    data = save(tensors, metadata={"format": "pt"})  # other libraries ask for this entry
    settings = {
        **about,
        _FORMAT_ENTRY: _FORMAT,
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
