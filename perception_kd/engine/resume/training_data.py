"""Identity of the data of a training, without the folders that they are in."""

import hashlib
from typing import Any

from torch.utils.data import DataLoader

_MAX_TOKENS = 64


def describe_training_data(loader: DataLoader[Any]) -> dict[str, Any]:
    """Return the number of samples, and a hash of the tokens of some of them.

    Args:
        loader: Data loader of the training.

    Returns:
        ``samples``, ``steps_per_epoch`` and ``tokens``, the hash of tokens spread over
        the data set; empty for a data set without tokens.
    """
    data: Any = loader.dataset
    tokens = []
    if hasattr(data, "get_data_info"):
        step = max(1, len(data) // _MAX_TOKENS)
        tokens = [data.get_data_info(idx)["sample_token"] for idx in range(0, len(data), step)]
    digest = hashlib.sha256("\n".join(tokens).encode()).hexdigest() if tokens else ""
    return {"samples": len(data), "steps_per_epoch": len(loader), "tokens": digest}
