"""Log what a run will do, and which samples it skipped."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn import Module

from perception_kd.engine.hooks.dataset_epoch import unwrap_datasets
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Log the numbers by which one run reproduces another.

    Before training: effective learning rates, samples per epoch, batch size times
    processes, steps per epoch, numbers of trained and frozen parameters. From the first
    batches: every monitor ``num_*`` of the model (pairs, regions). After each epoch:
    the samples that the data set skipped so far, by reason; if they were more than half
    of an epoch's, the training ends with an error.

    Args:
        num_batches: Number of first batches whose monitors are logged.
    """

    def __init__(self, num_batches: int = 3) -> None:
        self.num_batches = num_batches
        self._seen = self._skipped = 0

    def before_train(self, runner: Runner) -> None:
        """Log what was built."""
        self._seen = 0
        self._skipped = count_skipped(runner.train_dataloader.dataset).total()
        for line in (*describe_rates(runner), describe_data(runner)):
            runner.logger.info(line)
        runner.logger.info(describe_parameters(runner.model))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Log the monitors of the first batches."""
        if self._seen >= self.num_batches:
            return
        self._seen += 1
        monitors = {k: float(v) for k, v in (outputs or {}).items() if k.startswith("num_")}
        if monitors:
            text = ", ".join(f"{name} {value:g}" for name, value in monitors.items())
            runner.logger.info(f"Batch {self._seen}: {text}")

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the skipped samples of all processes.

        Raises:
            ValueError: If more than half of the drawn samples were skipped.
        """
        skipped = count_skipped(runner.train_dataloader.dataset)
        total = sum((Counter(part) for part in all_gather_object(dict(skipped))), Counter())
        if total:
            text = ", ".join(f"{reason} {count}" for reason, count in sorted(total.items()))
            runner.logger.warning(f"Samples skipped so far: {text}")
        in_epoch = total.total() - self._skipped
        self._skipped = total.total()
        # One more sample is drawn for each skipped one.
        if in_epoch > len(runner.train_dataloader.dataset):
            raise ValueError(
                f"More than half of the samples of epoch {runner.epoch + 1} were skipped "
                f"({text} so far); each is named in the log. Repair or copy the data set again, or "
                "leave out scenes whose files are missing."
            )


def describe_rates(runner: Runner) -> list[str]:
    """Describe the learning rates, one line for all groups that share one."""
    groups: dict[tuple[float, float], list[int]] = {}
    for group in runner.optim_wrapper.param_groups:
        rates = (group["lr"], group.get("initial_lr", group["lr"]))
        count = sum(p.numel() for p in group["params"] if p.requires_grad)
        groups.setdefault(rates, []).append(count)
    lines = []
    for (first, base), counts in groups.items():
        start = "" if first == base else f", {first:g} in the first step"
        lines.append(
            f"Effective learning rate: {base:g}{start} "
            f"({sum(counts):,} values in {len(counts)} group{'s' * (len(counts) > 1)})"
        )
    return lines


def describe_data(runner: Runner) -> str:
    """Describe how many samples there are and how they are taken."""
    loader = runner.train_dataloader
    batch = loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0)
    return (
        f"Samples per epoch: {len(loader.dataset):,}; batch size {batch} x "
        f"{runner.world_size} processes = {batch * runner.world_size}; "
        f"steps per epoch: {len(loader):,}"
    )


def describe_parameters(model: Module) -> str:
    """Count the parameters that train and that are frozen."""
    counts = {True: 0, False: 0}
    for parameter in model.parameters():
        counts[parameter.requires_grad] += parameter.numel()
    return f"Parameters: {counts[True]:,} train, {counts[False]:,} are frozen"


def count_skipped(dataset: Any) -> Counter[str]:
    """Add up ``skipped`` (reason to count) of a data set and those that it wraps."""
    total: Counter[str] = Counter()
    for part in unwrap_datasets(dataset):
        total.update(getattr(part, "skipped", {}))
    return total
