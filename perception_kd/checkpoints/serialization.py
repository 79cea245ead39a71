"""Types other than tensors that mmengine's checkpoints hold.

Since torch 2.6 ``torch.load`` refuses types that are not on its allow-list
(``weights_only=True``). mmengine 0.10 keeps its log history in NumPy arrays inside the
checkpoint but does not add them to the list, so resuming fails. The types below are all
that is needed; the check itself stays on, so a checkpoint cannot run code.
"""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# NumPy 2 moved these, and a checkpoint keeps the name from where it was written.
_NUMPY_FUNCTIONS = ("_reconstruct", "scalar")
_NUMPY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_DTYPES = "?bBhHiIlLqQefdSU"
_STATISTICS = ("current", "max", "mean", "min")


def _get_statistic(owner: type, name: str) -> Callable[..., Any]:
    """Stand in for ``getattr``, which a history calls to name its own statistics.

    Raises:
        pickle.UnpicklingError: If it is called for anything else.
    """
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(
            f"checkpoint must not read attributes, but it reads {name} of {owner}."
        )
    statistic: Callable[..., Any] = getattr(HistoryBuffer, name)
    return statistic


def mmengine_checkpoint_types() -> list[Any]:
    """List what to allow: classes, and functions with the names they are stored by."""
    dtypes = {type(np.dtype(code)) for code in _DTYPES}
    functions = [
        (getattr(np.core.multiarray, function), f"{module}.{function}")
        for function in _NUMPY_FUNCTIONS
        for module in _NUMPY_MODULES
    ]
    functions.append((_get_statistic, "builtins.getattr"))
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *functions]


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read mmengine's checkpoints with ``weights_only`` on.

    Idempotent. Does nothing before torch 2.4, which has no such list and whose
    ``torch.load`` does not check by default.
    """
    allow = getattr(torch.serialization, "add_safe_globals", None)
    if allow is not None:
        allow(mmengine_checkpoint_types())
