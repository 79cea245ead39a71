"""Search of nested data for numbers that are NaN or infinite."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def find_nonfinite(data: Any) -> list[str]:
    """Name the tensors, arrays and numbers in nested data that are not finite.

    Args:
        data: Mappings, lists, tuples, mmengine's data elements and mmdet3d's boxes, to
            any depth. What is no number is skipped.

    Returns:
        Path of each in the data, such as ``points.0``, in the order of the data.

    Example:
        >>> find_nonfinite({"points": [torch.zeros(3), torch.tensor([float("nan")])]})
        ['points.1']
    """
    return [place for place, value in _walk(data, "") if not _is_finite(value)]


def _walk(data: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of all that may be a number."""
    if isinstance(data, Mapping):
        parts = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list | tuple):
        parts = [(str(number), value) for number, value in enumerate(data)]
    elif hasattr(data, "all_items"):  # a data element of mmengine
        parts = list(data.all_items())
    elif not isinstance(data, Tensor) and hasattr(data, "tensor"):  # boxes of mmdet3d
        parts = [("tensor", data.tensor)]
    else:
        yield place, data
        return
    for key, value in parts:
        yield from _walk(value, f"{place}.{key}" if place else key)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        floating = value.is_floating_point() or value.is_complex()
        return not floating or bool(torch.isfinite(value).all())
    if isinstance(value, np.ndarray | float | np.floating):
        kind = np.asarray(value).dtype.kind
        return kind not in "fc" or bool(np.isfinite(value).all())
    return True
