"""States of the global random number generators of a process."""

import random
from typing import Any

import numpy as np
import torch

# What generators raise for states that are not theirs.
_FAULTS = (AttributeError, LookupError, TypeError, ValueError, RuntimeError, OverflowError)


def get_random_states() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and torch's generators.

    Returns:
        Plain values and tensors, which a checkpoint may hold.
    """
    # The global generator of NumPy is what transforms and models of others draw from.
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def check_random_states(states: Any) -> None:
    """Check that states can be set, without leaving them set.

    Raises:
        ValueError: If they are not what :func:`get_random_states` returns.
    """
    now = get_random_states()
    try:
        set_random_states(states)
    except _FAULTS as error:
        raise ValueError(f"states of random number generators cannot be set ({error})") from error
    finally:
        set_random_states(now)


def set_random_states(states: dict[str, Any]) -> None:
    """Restore what :func:`get_random_states` returned."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
