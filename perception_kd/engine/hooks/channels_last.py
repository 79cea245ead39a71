"""Convolutions of images and BEV maps in the channels-last memory format."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from perception_kd.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Store the weights of 2D convolutions with their channels last.

    Convolutions then compute and return maps in this format, whatever that of their
    input. Values, names and shapes do not change; results do in their last digits, and
    more on a CPU for large maps, over which torch's batch norm then sums in order.
    """

    def before_train(self, runner: Runner) -> None:
        """Convert the weights of the model."""
        store_channels_last(runner.model)


def store_channels_last(model: nn.Module) -> None:
    """Store the weights of the 2D convolutions of a model with their channels last.

    Args:
        model: Model to change, in place.

    Raises:
        ValueError: If it has no such convolution, so that nothing would change.
    """
    found = [part for part in model.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    if not found:
        raise ValueError(
            "ChannelsLastHook needs 2D convolutions, but the model has none; train without "
            "--channels-last."
        )
    for part in found:
        part.weight.data = part.weight.data.contiguous(memory_format=torch.channels_last)
