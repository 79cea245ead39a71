"""Random choice of the pairs that a contrastive loss compares."""

import torch
from torch import Tensor


def sample_pairs(num_pairs: int, num_samples: int, generator: torch.Generator) -> Tensor:
    """Draw some of all pairs without replacement.

    PPKT compares 4096 random pairs of a batch, since the loss grows with their square.

    Args:
        num_pairs: Number of pairs P to draw from.
        num_samples: Number of pairs to draw, positive.
        generator: Source of the random numbers; the result is on its device.

    Returns:
        Rows of pairs in random order, shape (M,), int64, with M the smaller of the two
        numbers.

    Raises:
        ValueError: If ``num_samples`` is not positive.

    Example:
        >>> sample_pairs(100, 3, torch.Generator().manual_seed(0)).shape
        torch.Size([3])
    """
    if num_samples <= 0:
        raise ValueError(f"num_samples must be positive, but got {num_samples}.")
    order = torch.randperm(num_pairs, generator=generator, device=generator.device)
    return order[:num_samples]
