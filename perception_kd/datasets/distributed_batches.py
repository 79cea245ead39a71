"""Batches of an evaluation, shared out to processes whole."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from perception_kd.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class DistributedBatchSampler(Sampler[list[int]]):
    """Deal the batches of one process to all processes, in turn.

    mmengine's sampler deals single samples, and repeats some so that all processes have
    the same number: a loss that compares the samples of a batch then depends on the
    number of processes, and repeated samples count twice in it. Here each sample is in
    one batch of one process, and the batches are those of a single process. Processes
    may have different numbers of batches, so a model must not wait for others in eval
    mode.

    Args:
        sampler: Sampler of a data loader; only its ``dataset`` is read.
        batch_size: Number of samples of a batch; the last one may have fewer.

    Raises:
        ValueError: If the sampler shuffles.
    """

    def __init__(self, sampler: Any, batch_size: int) -> None:
        if getattr(sampler, "shuffle", False):
            raise ValueError("DistributedBatchSampler needs a sampler with shuffle=False.")
        self.num_samples = len(sampler.dataset)
        self.batch_size = batch_size
        self.rank, self.num_processes = get_dist_info()

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of the samples of each batch of this process."""
        step = self.batch_size * self.num_processes
        for first in range(self.rank * self.batch_size, self.num_samples, step):
            yield list(range(first, min(first + self.batch_size, self.num_samples)))

    def __len__(self) -> int:
        """Return the number of batches of this process."""
        return len(
            range(
                self.rank * self.batch_size, self.num_samples, self.batch_size * self.num_processes
            )
        )
