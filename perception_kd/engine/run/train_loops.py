"""mmengine's training loops, which resume inside an epoch as if never interrupted."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Sampler

from perception_kd.engine.resume.random_states import get_random_states, set_random_states
from perception_kd.registry import LOOPS


class SkippingSampler(Sampler[int]):
    """Leave out the first indices of another sampler, once.

    Args:
        sampler: The other one.
        num_skipped: Number of indices to leave out of the next pass.
    """

    def __init__(self, sampler: Any, num_skipped: int) -> None:
        self.sampler = sampler
        self.num_skipped = num_skipped

    def __iter__(self) -> Iterator[int]:
        """Yield the other sampler's indices."""
        skipped, self.num_skipped = self.num_skipped, 0
        return islice(iter(self.sampler), skipped, None)

    def __len__(self) -> int:
        """Return the length of a whole pass."""
        return len(self.sampler)


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs, which a checkpoint may leave inside an epoch.

    The order of an epoch is drawn again, the samples of the steps that are done are
    left out without being loaded, and the random number generators continue.

    Attributes:
        resumed: Whether the next epoch is the first one of a resumed training.
        random_states: State of the generators in the checkpoint; None without one.
    """

    resumed: bool = False
    random_states: dict[str, Any] | None = None

    def run_epoch(self) -> None:
        """Train the steps of an epoch that are left."""
        num_done = self._iter - self._epoch * len(self.dataloader)
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for idx, data_batch in enumerate(self._begin(num_done), start=num_done):
            self.run_iter(idx, data_batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def _begin(self, num_done: int) -> Iterator[Any]:
        """Return the batches of the steps that are left."""
        states = get_random_states()
        if num_done:
            skip_batches(self.dataloader, num_done)
        # Draws a seed for the workers, each time that they are started.
        batches = iter(self.dataloader)
        if self.resumed and num_done and self.random_states is not None:
            set_random_states(self.random_states)
        elif self.resumed and not num_done and self.dataloader.persistent_workers:
            # The interrupted run had started its workers in its first epoch.
            set_random_states(states)
        self.resumed = False
        return batches


def skip_batches(loader: DataLoader[Any], number: int) -> None:
    """Leave batches out of the next pass over a data loader, without loading them.

    Args:
        loader: Data loader with torch's own batches.
        number: Number of batches to leave out.

    Raises:
        ValueError: If the loader makes its batches in another way.
    """
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler:
        raise ValueError(
            f"--resume: cannot skip batches of a {type(batches).__name__}; resume from a "
            "checkpoint at the end of an epoch, or set no batch_sampler."
        )
    batches.sampler = SkippingSampler(batches.sampler, number * batches.batch_size)


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """mmengine's loop over iterations, with the random numbers of a run without stops.

    Batches of steps that are done are loaded and left out, as in mmengine.

    Attributes:
        resumed: Whether the training is resumed.
        random_states: State of the generators in the checkpoint; None without one.
    """

    resumed: bool = False
    random_states: dict[str, Any] | None = None

    def run(self) -> nn.Module:
        """Train the steps that are left."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        for _ in range(self._iter):
            next(self.dataloader_iterator)
        if self.random_states is not None:
            set_random_states(self.random_states)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._decide_current_val_interval()
            if self._is_validation_due():
                # A resumed training does not repeat it, nor what it draws.
                states = get_random_states()
                self.runner.val_loop.run()
                set_random_states(states)
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        model: nn.Module = self.runner.model
        return model

    def _is_validation_due(self) -> bool:
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters
