"""End a training after a time."""

import time

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.registry import HOOKS

SECONDS_ENTRY = "training_seconds"


@HOOKS.register_module()
class TimeLimitHook(Hook):
    """Stop after the epoch in which the time limit is reached.

    The time of earlier runs counts, if the training was resumed. A schedule that was
    made for more epochs is then cut off, which is logged.

    Args:
        minutes: Time of all epochs, validation included.

    Raises:
        ValueError: If it is not positive.
    """

    def __init__(self, minutes: float) -> None:
        if not minutes > 0:
            raise ValueError(f"minutes must be positive, but got {minutes}.")
        self.minutes = minutes
        self._since = 0.0

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self._since = time.monotonic()

    def after_train_epoch(self, runner: Runner) -> None:
        """Note the time in the checkpoint's message hub, and stop if it is over."""
        now = time.monotonic()
        spent = float(runner.message_hub.runtime_info.get(SECONDS_ENTRY) or 0.0) + now - self._since
        self._since = now
        runner.message_hub.update_info(SECONDS_ENTRY, spent)
        if spent < 60 * self.minutes or runner.epoch + 1 >= runner.max_epochs:
            return
        runner.train_loop.stop_training = True
        runner.logger.warning(
            f"Stopping after epoch {runner.epoch + 1} of {runner.max_epochs}: {spent / 60:.1f} "
            f"minutes are over ({self.minutes:g} were given). The learning rate has not decayed to "
            "its end."
        )
