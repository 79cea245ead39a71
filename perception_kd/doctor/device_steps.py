"""Training steps of a config on a device, compared with the same step on a CPU."""

import copy
import math
import time
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple

import torch
from mmengine import Config
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

from perception_kd.doctor.precision import Precision, allow_tf32, build_optimizer
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.engine.run.data_loading import WorkerInit, without_unused_options
from perception_kd.registry import MODELS

_WARM_UP = 2


class Step(NamedTuple):
    """Results of a training step.

    Attributes:
        loss: Sum of the terms of the loss.
        grad_norm: Norm of the gradient of all parameters.
    """

    loss: float
    grad_norm: float


class Timing(NamedTuple):
    """Time and memory of training steps, without the first ones.

    Attributes:
        seconds: Median time of a step, without its data.
        waiting: Share of the whole time that passes until the next batch is there.
        peak_gb: Largest memory of tensors on the device in GB (10^9 bytes); NaN on a
            CPU.
    """

    seconds: float
    waiting: float
    peak_gb: float


def build_model(cfg: Config) -> BaseModel:
    """Build the model of a config, without dropout and always with the same weights.

    They are random: files of weights are not read, since what a step takes does not
    depend on them.

    Args:
        cfg: Config of the training.
    """
    init_default_scope(cfg.default_scope)
    settings = copy.deepcopy(cfg.model)
    for part in walk_settings(settings):
        part.update({name: None for name in ("checkpoint", "teacher_checkpoint") if name in part})
        start = part.get("init_cfg")
        if isinstance(start, dict) and start.get("type") == "Pretrained":
            part["init_cfg"] = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: BaseModel = MODELS.build(settings)
        model.init_weights()
    for module in model.modules():
        # Devices draw different random numbers.
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return model


def build_loader(cfg: Config) -> Any:
    """Build the data loader of the training."""
    init_default_scope(cfg.default_scope)
    loader = Runner.build_dataloader(without_unused_options(cfg.train_dataloader), seed=0)
    loader.worker_init_fn = WorkerInit(loader.worker_init_fn)
    return loader


def take_step(
    model: BaseModel, cfg: Config, batch: Any, device: torch.device, precision: Precision
) -> Step:
    """Take one training step with a copy of a model.

    Args:
        model: The model, on a CPU; it is not changed.
        cfg: Config of the training, with the optimizer.
        batch: A batch as collated, before the data preprocessor.
        device: Where to compute.
        precision: In which numbers.
    """
    model = copy.deepcopy(model).to(device).train()
    wrapper = build_optimizer(model, cfg, precision, device)
    with allow_tf32(precision.tf32):
        with wrapper.optim_context(model):
            losses = model(**model.data_preprocessor(copy.deepcopy(batch), True), mode="loss")
        total, _ = model.parse_losses(losses)
        wrapper.backward(wrapper.scale_loss(total))
        grad_norm = _gradient_norm(model, wrapper)
        wrapper.step()
    return Step(float(total.detach()), grad_norm)


def _gradient_norm(model: BaseModel, wrapper: OptimWrapper) -> float:
    norms = [p.grad.double().norm() for p in model.parameters() if p.grad is not None]
    scale = wrapper.loss_scaler.get_scale() if isinstance(wrapper, AmpOptimWrapper) else 1.0
    return float(torch.stack(norms).norm()) / scale if norms else 0.0


def time_steps(
    model: BaseModel,
    cfg: Config,
    loader: Any,
    device: torch.device,
    precision: Precision,
    num_steps: int,
) -> Timing:
    """Take training steps with a copy of a model, one batch after the other.

    Args:
        model: The model, on a CPU; it is not changed.
        cfg: Config of the training, with the optimizer.
        loader: Data loader, begun again when it ends.
        device: Where to compute.
        precision: In which numbers.
        num_steps: Number of steps that are timed.
    """
    model = copy.deepcopy(model).to(device).train()
    wrapper = build_optimizer(model, cfg, precision, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    waits, steps = [], []
    batches: Iterator[Any] = chain.from_iterable(repeat(loader))
    with allow_tf32(precision.tf32):
        for _ in range(_WARM_UP + num_steps):
            begin = time.perf_counter()
            batch = next(batches)
            loaded = time.perf_counter()
            model.train_step(batch, wrapper)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            waits.append(loaded - begin)
            steps.append(time.perf_counter() - loaded)
    waits, steps = waits[_WARM_UP:], steps[_WARM_UP:]
    peak = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else math.nan
    median = sorted(steps)[len(steps) // 2]
    return Timing(median, sum(waits) / (sum(waits) + sum(steps)), peak)
