"""Run a saved training step again, to find where NaN or infinity begins."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.checkpoints.reading import read_checkpoint
from perception_kd.engine.hooks.load_pretrained import LoadPretrainedHook, list_sources
from perception_kd.engine.resume.random_states import set_random_states
from perception_kd.engine.steps.record import read_step
from perception_kd.registry import MODELS
from perception_kd.utils.finite import find_nonfinite


def replay_step(
    cfg: Config, path: str | Path, checkpoint: str | None = None, pretrained: bool = False
) -> Iterator[str]:
    """Run the forward and backward pass of a step as the training did.

    Batch, random numbers and weights are those of the file.

    Args:
        cfg: Config of the training.
        path: File of the step.
        checkpoint: File of other weights for the whole model.
        pretrained: Whether to take the weights with which the training starts instead:
            the initialization, and what ``load_pretrained_from`` names.

    Yields:
        Lines to print: the loss terms, and the first weight, module output, statistic
        and gradient that are not finite.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If it is not such a file, or the weights do not fit the model.
    """
    step = read_step(path)
    yield f"Iteration {step['iteration']}, stopped by {step['problem']}."
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model)
    if pretrained:
        model.init_weights()
        for source in list_sources(cfg.get("load_pretrained_from")):
            LoadPretrainedHook(**source).load(model)
    elif checkpoint is not None:
        load_pretrained(model, checkpoint, min_share=1.0)
    else:
        _take_weights(model, path)
    model.to(get_device()).train()
    yield _first("weight before the step", find_nonfinite(dict(model.state_dict())))

    wrapper: Any = build_optim_wrapper(model, cfg.optim_wrapper)
    outputs: list[str] = []
    handles = [
        module.register_forward_hook(_note_output(name, outputs))
        for name, module in model.named_modules()
        if name
    ]
    set_random_states(step["random_states"])
    with wrapper.optim_context(model), _naming(path, cfg):
        losses = model(**model.data_preprocessor(step["batch"], True), mode="loss")
    for handle in handles:
        handle.remove()
    total, terms = model.parse_losses(losses)
    yield "Losses: " + describe_terms(terms)
    yield _first("output of a module", outputs)
    yield _first("statistic after it", find_nonfinite(dict(model.named_buffers())))
    wrapper.backward(wrapper.scale_loss(total))
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    yield _first("gradient", find_nonfinite(gradients))


def describe_terms(terms: dict[str, Any]) -> str:
    """Write named numbers in one line."""
    return ", ".join(
        f"{name} {float(torch.as_tensor(value).detach()):g}" for name, value in terms.items()
    )


@contextmanager
def _naming(path: str | Path, cfg: Config) -> Iterator[None]:
    """Name the file whose batch a model cannot use."""
    try:
        yield
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        text = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise ValueError(
            f"The batch of {path} cannot be used by the model of {cfg.filename} ({text[0]:.200}); "
            "give the config of that training, which its work dir holds."
        ) from error


def _take_weights(model: Module, path: str | Path) -> None:
    """Copy the weights of a step, which need not be finite."""
    weights, state = read_checkpoint(path).state_dict, model.state_dict(keep_vars=True)
    shapes = ({k: v.shape for k, v in tensors.items()} for tensors in (weights, state))
    if next(shapes) != next(shapes):
        raise ValueError(
            f"{path} is a step of another model than the config's; give the config of that "
            "training, which its work dir holds."
        )
    # Not load_state_dict, in which mmdet3d's sparse convolutions permute their weights.
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value)


def _note_output(name: str, found: list[str]) -> Callable[[Module, Any, Any], None]:
    def note(module: Module, inputs: Any, output: Any) -> None:
        # spconv's sparse tensors hold their numbers in "features".
        values = getattr(output, "features", output)
        if not isinstance(values, Tensor | list | tuple | dict):
            values = list(vars(values).values()) if hasattr(values, "__dict__") else []
        with torch.no_grad():
            if find_nonfinite(values):
                found.append(f"{name} ({type(module).__name__})")

    return note


def _first(kind: str, names: list[str]) -> str:
    if not names:
        return f"Every {kind} is finite."
    return f"First {kind} that is not finite: {names[0]} ({len(names)} in all)."
