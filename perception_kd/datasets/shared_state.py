"""State of a dataset that is shared by all worker processes."""

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

SKIP_REASONS = ("missing_file", "broken_file", "nothing_left")
_NUM_ROWS = 257  # the main process and up to 256 workers; more share rows


class SharedState:
    """Epoch, set in the main process, and numbers of skipped samples, from the workers.

    Both are in shared memory, so persistent workers see a new epoch however they were
    started. Every worker counts in its own row: no locks, no lost counts. A copy starts
    with the values of the original and is then independent.
    """

    def __init__(self) -> None:
        self._epoch = _shared_zeros(1)
        self._counts = _shared_zeros(_NUM_ROWS, len(SKIP_REASONS))

    @property
    def epoch(self) -> int:
        """The current epoch, from 0."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    @property
    def skipped(self) -> dict[str, int]:
        """Number of samples skipped so far, by reason that occurred."""
        totals = self._counts.sum(dim=0).tolist()
        return {reason: total for reason, total in zip(SKIP_REASONS, totals, strict=True) if total}

    def count_skip(self, reason: str) -> None:
        """Count one skipped sample."""
        worker = get_worker_info()
        row = 0 if worker is None else 1 + worker.id % (_NUM_ROWS - 1)
        self._counts[row, SKIP_REASONS.index(reason)] += 1

    def __deepcopy__(self, memo: object) -> "SharedState":
        copied = SharedState()
        copied._epoch.copy_(self._epoch)
        copied._counts.copy_(self._counts)
        return copied


def _shared_zeros(*shape: int) -> Tensor:
    zeros = torch.zeros(*shape, dtype=torch.int64)
    zeros.share_memory_()
    return zeros
