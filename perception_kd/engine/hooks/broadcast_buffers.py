"""Validate the weights that are saved, with several processes."""

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.registry import HOOKS


@HOOKS.register_module()
class BroadcastBuffersHook(Hook):
    """Copy the buffers of the first process to all others before each validation.

    Without synchronized batch norms, each process estimates running statistics of its
    own samples. Checkpoints have those of the first process, so these are validated.
    Training does not read them, and is the same with this hook and without.
    """

    priority = "VERY_HIGH"

    def before_val_epoch(self, runner: Runner) -> None:
        """Broadcast all buffers of the model."""
        for buffer in runner.model.buffers():
            broadcast(buffer, src=0)
