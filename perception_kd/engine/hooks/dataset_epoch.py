"""Pass the epoch to the data set."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.registry import HOOKS


def unwrap_datasets(dataset: Any) -> Iterator[Any]:
    """Walk a dataset and everything it wraps, outermost first."""
    yield dataset
    inner = [getattr(dataset, "dataset", None), *getattr(dataset, "datasets", [])]
    for wrapped in inner:
        if wrapped is not None:
            yield from unwrap_datasets(wrapped)


@HOOKS.register_module()
class DatasetEpochHook(Hook):
    """Call ``set_epoch`` of the training data before each epoch.

    A sample's random numbers depend on (seed, epoch, token), so that a resumed run
    draws what an uninterrupted one would. The data set keeps the epoch in shared
    memory, where workers that outlive an epoch see it.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Pass the runner's epoch on."""
        for dataset in unwrap_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, "set_epoch"):
                dataset.set_epoch(runner.epoch)
