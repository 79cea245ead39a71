"""Search of nested data for numbers that are NaN or infinite."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def find_nonfinite(data: Any) -> list[str]:
    """Name the tensors, arrays and numbers in nested data that are not finite.

    Args:
        data: Mappings, lists, tuples, mmengine's data elements and mmdet3d's boxes, to
            any depth. What is not a number is skipped.

    Returns:
        Path of each in the data, such as ``points.0``, in the order of the data.

    Example:
        >>> find_nonfinite({"points": [torch.zeros(3), torch.tensor([float("nan")])]})
        ['points.1']
    """
    return [place for place, value in walk_values(data) if not _is_finite(value)]


def are_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Return whether all tensors are finite, as a tensor: nothing waits for a GPU.

    Args:
        tensors: Floating tensors on one device, of any shapes; empty ones count as
            finite.

    Returns:
        Bool, shape ().
    """
    values = [tensor.detach() for tensor in tensors if tensor.numel()]
    if not values:
        return torch.tensor(True)
    if values[0].is_cuda:  # a few kernels for all tensors
        return torch.isfinite(torch.nn.utils.get_total_norm(values, norm_type=math.inf))
    # Ten times as fast on a CPU as isfinite or a norm; NaN is both extremes.
    extremes = [extreme.double() for value in values for extreme in value.aminmax()]
    return torch.isfinite(torch.stack(extremes)).all()


def walk_values(data: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of all in nested data that may be a number.

    Args:
        data: As for :func:`find_nonfinite`.
        place: Path of ``data``, which the paths begin with.
    """
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
        yield from walk_values(value, f"{place}.{key}" if place else key)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(are_finite([value]))
    if isinstance(value, np.ndarray | float | np.floating):
        kind = np.asarray(value).dtype.kind
        return kind not in "fc" or bool(np.isfinite(value).all())
    return True
