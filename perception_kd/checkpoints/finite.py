"""Refuse weights of a training that diverged, and numbers that no weight can have."""

from pathlib import Path
from typing import Any

from torch import Tensor

from perception_kd.checkpoints.matching import list_names
from perception_kd.utils.finite import find_nonfinite, walk_values


def check_finite(path: str | Path, content: Any) -> None:
    """Check that all numbers of a checkpoint, or of a part of it, are possible.

    They must be finite, and variances of normalization layers not negative: their
    square root would be NaN, which the class with the largest score hides.

    Args:
        path: The file, for the error.
        content: Tensors by name, or nested dicts and lists of them.

    Raises:
        ValueError: If a value is NaN or infinite, or a variance negative; names the
            first tensors.
    """
    names = find_nonfinite(content)
    if names:
        raise ValueError(
            f"The checkpoint {path} has NaN or infinity in {len(names)} tensors: "
            f"{list_names(names)}; its training diverged, so use an earlier checkpoint, or train "
            "again with a lower learning rate."
        )
    negative = [
        name
        for name, value in walk_values(content)
        if name.endswith("running_var") and isinstance(value, Tensor) and bool((value < 0).any())
    ]
    if negative:
        raise ValueError(
            f"The checkpoint {path} has negative variances in {list_names(negative)}; it is "
            "damaged, so copy or download it again, or use another one."
        )
