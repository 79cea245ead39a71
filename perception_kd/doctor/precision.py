"""The precisions in which a training step is tried on a device."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from mmengine import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch.nn import Module


class Precision(NamedTuple):
    """Numbers in which products of matrices and convolutions are computed.

    Attributes:
        name: Name in findings.
        dtype: Dtype of autocast; None without autocast.
        tf32: Whether float32 products may be rounded to TF32, with 10 bits.
        tolerance: Largest relative deviation of the loss from that of a CPU in fp32.
    """

    name: str
    dtype: torch.dtype | None
    tf32: bool
    tolerance: float


FP32 = Precision("fp32", None, False, 1e-3)
TF32 = Precision("tf32", None, True, 1e-2)
FP16 = Precision("fp16", torch.float16, False, 1e-2)
# 7 bits, 8 times as coarse as fp16.
BF16 = Precision("bf16", torch.bfloat16, False, 5e-2)


class CPUAutocastWrapper(OptimWrapper):
    """Autocast to bfloat16 on a CPU, for which mmengine has no optimizer wrapper."""

    @contextmanager
    def optim_context(self, model: Module) -> Iterator[None]:
        """Enable autocast for the forward pass."""
        with super().optim_context(model), torch.autocast("cpu", dtype=torch.bfloat16):
            yield


def list_precisions(device: torch.device) -> list[Precision]:
    """Return the precisions that a device supports; fp32 is the first.

    Args:
        device: A CPU or a GPU of CUDA.
    """
    if device.type == "cpu":
        return [FP32, BF16]
    precisions = [FP32, FP16]
    if torch.cuda.get_device_capability(device)[0] >= 8:
        precisions.insert(1, TF32)
    if torch.cuda.is_bf16_supported():
        precisions.append(BF16)
    return precisions


def build_optimizer(
    model: Module, cfg: Config, precision: Precision, device: torch.device
) -> OptimWrapper:
    """Build the optimizer of a config as ``tools/train.py`` does.

    Args:
        model: The model, on its device.
        cfg: Config of the training.
        precision: Precision of the step.
        device: The device.
    """
    settings: dict[str, Any] = dict(cfg.optim_wrapper)
    if precision.dtype is not None:
        name = str(precision.dtype).removeprefix("torch.")
        of_gpu = dict(type="AmpOptimWrapper", dtype=name, loss_scale="dynamic")
        settings |= of_gpu if device.type != "cpu" else dict(type=CPUAutocastWrapper)
    wrapper: OptimWrapper = build_optim_wrapper(model, settings)
    return wrapper


@contextmanager
def allow_tf32(allowed: bool) -> Iterator[None]:
    """Set whether matrices and convolutions may use TF32, and restore it at the end.

    torch allows it in convolutions by default.
    """
    parts: tuple[Any, Any] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces another way for some later release
        before = [part.allow_tf32 for part in parts]
        try:
            for part in parts:
                part.allow_tf32 = allowed
            yield
        finally:
            for part, value in zip(parts, before, strict=True):
                part.allow_tf32 = value
