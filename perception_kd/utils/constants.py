"""Numbers as tensors that stay on their device."""

import functools

import torch
from torch import Tensor


@functools.lru_cache(maxsize=256)
def constant(values: float | tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor of numbers, which are copied to their device only once.

    A copy to a GPU waits for all that the GPU has to do before it. The same tensor is
    returned each time, so it must not be changed in place.

    Args:
        values: One number, or several.
        dtype: Dtype of the tensor.
        device: Its device.

    Example:
        >>> constant((1, 2), torch.float32, torch.device("cpu"))
        tensor([1., 2.])
    """
    with torch.inference_mode(False):  # else a later training could not use it
        return torch.tensor(values, dtype=dtype, device=device)
