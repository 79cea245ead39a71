"""End a training that has nothing to learn from."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from perception_kd.models.networks.task_model import Supervision, TaskModel
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class EmptyBatchesHook(Hook):
    """Count the batches without a pair, region, box or label, and stop if all are.

    The loss of such a batch is zero, or of background alone, so that a training on
    nothing but these looks like a success. What counts is the model's ``supervision``.
    A batch of several processes is empty if it is in each of them.

    Args:
        num_batches: Number of first batches of which one must not be empty; all of the
            epoch if it has fewer. An epoch of empty batches is always an error.

    Raises:
        ValueError: If ``num_batches`` is not positive.
    """

    def __init__(self, num_batches: int = 50) -> None:
        if num_batches < 1:
            raise ValueError(f"num_batches must be positive, but got {num_batches}.")
        self.num_batches = num_batches
        self._supervision: Supervision | None = None
        self._empty: list[Tensor] = []

    def before_train(self, runner: Runner) -> None:
        """Find out what the model learns from."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._supervision = model.supervision if isinstance(model, TaskModel) else None

    def before_train_epoch(self, runner: Runner) -> None:
        """Start to count."""
        self._empty = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Count a batch, and check the first ones.

        Raises:
            ValueError: If all of the first batches are empty.
        """
        if self._supervision is None or outputs is None:
            return
        monitors = [outputs[name] for name in self._supervision.monitors if name in outputs]
        if not monitors:
            return
        # Not compared with zero here, which would wait for the GPU in each iteration.
        self._empty.append(torch.stack([torch.as_tensor(m) for m in monitors]).sum() <= 0)
        if len(self._empty) == self.num_batches == runner.iter + 1:
            self._count(self._supervision, f"the first {self.num_batches} batches")

    def after_train_epoch(self, runner: Runner) -> None:
        """Check an epoch, and warn of the empty batches.

        Raises:
            ValueError: If all of them are empty.
        """
        if self._supervision is None or not self._empty:
            return
        is_whole = len(self._empty) >= len(runner.train_dataloader)  # else it was resumed
        place = f"all batches of epoch {runner.epoch + 1}" if is_whole else ""
        num_empty = self._count(self._supervision, place)
        if num_empty:
            runner.logger.warning(
                f"{num_empty} of {len(self._empty)} batches of epoch {runner.epoch + 1} have no "
                f"{self._supervision.name}; {self._supervision.advice}."
            )

    def _count(self, supervision: Supervision, place: str) -> int:
        """Count the empty batches of the epoch; raise if a place is all of them."""
        not_empty = (~torch.stack(self._empty)).int()
        all_reduce(not_empty, op="max")
        if place and not not_empty.any():
            raise ValueError(
                f"There is nothing to learn from: {place} have no {supervision.name} at all. "
                f"Please {supervision.advice}."
            )
        return int((not_empty == 0).sum())
