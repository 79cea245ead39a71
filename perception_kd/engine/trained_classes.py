"""Compares the classes that a network learned with those that it is tested on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from perception_kd.models.tasks import PointSegmentor
from perception_kd.utils.checks import check_classes


def check_trained_classes(model: Module, path: str | Path, metainfo: Mapping[str, Any]) -> None:
    """Check that point classes mean in a test what they meant in training.

    A point segmentor counts its classes and has no names for them; its checkpoint has
    those of the training data. The other models know their own names.

    Args:
        model: Model that is tested.
        path: Its checkpoint, as mmengine's runner writes it.
        metainfo: Of the test data.

    Raises:
        ValueError: If both have names and these differ.
    """
    if not isinstance(model, PointSegmentor):
        return
    content = torch.load(path, map_location="cpu", weights_only=True)
    meta = content.get("meta") if isinstance(content, Mapping) else None
    trained = ((meta or {}).get("dataset_meta") or {}).get("seg_classes")
    tested = metainfo.get("seg_classes")
    if trained is not None and tested is not None:
        check_classes(f"seg_classes of the data that {path} is tested on", tested, trained)
