"""A training step as a file: its batch, weights and random numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes, PointData
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.reading import read_checkpoint
from perception_kd.engine.resume.random_states import check_random_states
from perception_kd.io.atomic import open_whole

# Only these are made from a file; "kind" is the name under which one is stored.
_ELEMENTS = {each.__name__: each for each in (Det3DDataSample, InstanceData, PixelData, PointData)}
_BOXES = {LiDARInstance3DBoxes.__name__: LiDARInstance3DBoxes}
_KIND = "kind"


def write_step(
    path: Path, model: Module, batch: Any, state: Mapping[str, Any], iteration: int, problem: str
) -> None:
    """Write all that :func:`~perception_kd.engine.run.replay.replay_step` needs.

    Args:
        path: File to write. It can also be read as a checkpoint of the weights.
        model: The model, with the weights of the step.
        batch: The batch as collated, before the data preprocessor.
        state: States of the random number generators before the step.
        iteration: Number of the step, from 1.
        problem: What was wrong with it.
    """
    step = {
        "batch": encode(batch),
        "random_states": encode(dict(state)),
        "iteration": iteration,
        "problem": problem,
    }
    with open_whole(path) as file:
        torch.save({"state_dict": encode(dict(model.state_dict())), "meta": {"step": step}}, file)


def read_step(path: str | Path) -> dict[str, Any]:
    """Read the step of a file that :func:`write_step` wrote.

    Returns:
        Its ``batch``, ``random_states``, ``iteration`` and ``problem``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it was not written by :func:`write_step`, is damaged, or holds a
            class that no batch has.
    """
    step = read_checkpoint(path).meta.get("step")
    if not isinstance(step, Mapping):
        raise ValueError(
            f"{path} holds no training step: --replay takes a nonfinite_iter_N.pth, which a "
            "training writes when it stops at NaN or infinity."
        )
    try:
        decoded = {key: decode(value) for key, value in step.items()}
        check_random_states(decoded["random_states"])
        fits = isinstance(decoded["iteration"], int) and isinstance(decoded["problem"], str)
    except Exception as error:  # mmengine and mmdet3d check what they are given by any error
        raise ValueError(f"{path} is damaged: {_describe(error)}; write it again.") from error
    if not fits or not isinstance(decoded.get("batch"), Mapping):
        raise ValueError(
            f"{path} is damaged: it must have a batch, and the number and problem of a step; "
            "write it again."
        )
    return decoded


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{text} is missing" if isinstance(error, KeyError) else text


def encode(value: Any) -> Any:
    """Return nested data in types that ``torch.load`` reads with ``weights_only``."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, BaseDataElement):
        content = {
            "metainfo": encode(dict(value.metainfo_items())),
            "fields": encode(dict(value.items())),
        }
        return {_KIND: type(value).__name__, **content}
    if type(value).__name__ in _BOXES:
        return {_KIND: type(value).__name__, "boxes": encode(value.tensor)}
    if isinstance(value, np.ndarray):
        return {_KIND: "ndarray", "values": torch.from_numpy(value.copy())}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        each = [encode(one) for one in value]
        return each if isinstance(value, list) else tuple(each)
    return value


def decode(value: Any) -> Any:
    """Return the data of :func:`encode`.

    Raises:
        ValueError: If it holds a class that no batch has.
    """
    if isinstance(value, list | tuple):
        return type(value)(decode(each) for each in value)
    if not isinstance(value, Mapping):
        return value
    kind = value.get(_KIND)
    if kind is None:
        return {key: decode(each) for key, each in value.items()}
    if not isinstance(kind, str):
        raise ValueError("it has an entry whose kind is not a name")
    if kind == "ndarray":
        return value["values"].numpy()
    if kind in _BOXES:
        boxes = value["boxes"]
        return _BOXES[kind](boxes, box_dim=boxes.shape[-1])
    if kind not in _ELEMENTS:
        raise ValueError(f"it holds a {kind}, which no batch has")
    element = _ELEMENTS[kind](metainfo=decode(value["metainfo"]))
    for name, field in value["fields"].items():
        setattr(element, name, decode(field))
    return element
