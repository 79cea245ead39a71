"""Arguments of a trained network, of one sample or several, and its results."""

from typing import Any

import torch
from torch import Tensor


def as_samples(value: Any, is_batch: bool) -> tuple[list[Any], bool]:
    """Return a value as a list of samples, and whether it was one.

    Args:
        value: One sample or several.
        is_batch: Whether it is several.

    Raises:
        ValueError: If the list is empty.
    """
    samples = list(value) if is_batch and value is not None else [value]
    if not samples:
        raise ValueError("The list of samples is empty; give at least one.")
    return samples, is_batch


def is_batch_of_images(imgs: Any) -> bool:
    """Return whether images are of several samples: lists or 4-d arrays in a list.

    Args:
        imgs: Images as :meth:`~.TrainedNetwork.images` takes them.
    """
    if not isinstance(imgs, list | tuple) or not imgs:
        return False
    return isinstance(imgs[0], list | tuple) or getattr(imgs[0], "ndim", 0) == 4


def name_sample(name: str, number: int, is_batch: bool) -> str:
    """Return the name of an argument, with the number of the sample in a batch.

    Args:
        name: Name of the argument.
        number: Number of the sample.
        is_batch: Whether there are several samples.
    """
    return f"{name}[{number}]" if is_batch else name


def first_array(value: Any) -> Any:
    """Return the first array or tensor of nested lists.

    Args:
        value: An array, a tensor, or lists of them.
    """
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value


def scatter_rows(feats: Tensor, rows: Tensor, number: int) -> Tensor:
    """Return features in the order of all given points, zero for those left out.

    Args:
        feats: Features of the points that the network saw, shape (M, C).
        rows: Row of each among all points, shape (M,).
        number: Number N of all points.

    Returns:
        A copy, shape (N, C).
    """
    if len(rows) == number:
        return feats.clone()
    whole = torch.zeros(number, feats.shape[1], dtype=feats.dtype, device=feats.device)
    whole[rows.to(feats.device)] = feats
    return whole


def like_given(feats: Any, given: Any) -> Any:
    """Return features as arrays, unless tensors were given.

    Args:
        feats: Tensor or list of tensors.
        given: What they were computed from, an array or a tensor.
    """
    if isinstance(given, Tensor):
        return feats
    if isinstance(feats, list):
        return [each.numpy(force=True) for each in feats]
    return feats.numpy(force=True)
