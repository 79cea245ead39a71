"""Refuse weights of a training that diverged."""

from pathlib import Path
from typing import Any

from perception_kd.checkpoints.matching import list_names
from perception_kd.utils.finite import find_nonfinite


def check_finite(path: str | Path, content: Any) -> None:
    """Check that all numbers of a checkpoint, or of a part of it, are finite.

    Args:
        path: The file, for the error.
        content: Tensors by name, or nested dicts and lists of them.

    Raises:
        ValueError: If a value is NaN or infinite; names the first tensors.
    """
    names = find_nonfinite(content)
    if names:
        raise ValueError(
            f"The checkpoint {path} has NaN or infinity in {len(names)} tensors: "
            f"{list_names(names)}; its training diverged, so use an earlier checkpoint, or train "
            "again with a lower learning rate."
        )
