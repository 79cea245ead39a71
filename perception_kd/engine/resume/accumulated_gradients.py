"""Gradients of steps whose update of the weights is still to come."""

from collections.abc import Mapping

import torch
from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from torch import Tensor
from torch.nn import Module


def collect_gradients(model: Module, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
    """Return the gradients that were accumulated since the last update.

    All processes must call this. Until the update, each has gradients of its own
    samples; their mean leads to the same update.

    Args:
        model: The model.
        optim_wrapper: Wrapper of its optimizer.

    Returns:
        Name to gradient; empty after an update, and without accumulation.
    """
    if optim_wrapper.should_update():
        return {}
    gradients = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            gradient = parameter.grad.detach().clone()
            all_reduce(gradient, op="mean")
            gradients[name] = gradient.cpu()
    return gradients


@torch.no_grad()
def restore_gradients(model: Module, gradients: Mapping[str, Tensor]) -> None:
    """Set the gradients that :func:`collect_gradients` returned.

    Args:
        model: The model.
        gradients: Name to gradient.
    """
    for name, parameter in model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter)
