"""Batch normalization over the samples of all processes, on GPUs and on CPUs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from perception_kd.ops.ranks import num_ranks

Network = TypeVar("Network", bound=nn.Module)
_placeholders = False


class VoxelBatchNorm(nn.BatchNorm1d):
    """Batch norm that accepts a single voxel in training.

    A small point cloud may have one voxel at the coarsest stage. A single value has no
    variance, so it is normalized by the running statistics and does not update them.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize features of K voxels, shape (K, C)."""
        return super().forward(input) if len(input) != 1 else _by_running(self, input)


class SynchronizedBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance are those of all ranks' values together.

    On a GPU it computes what ``torch.nn.SyncBatchNorm`` does, which refuses a CPU, as
    ``DistributedDataParallel`` refuses such modules there. On a CPU, sums and counts of
    all ranks are added in double precision, so that ranks with different numbers of
    values, or without any, count by their values. In eval mode, and with one rank, it
    is torch's plain batch norm.

    On a CPU, a single value on all ranks together is normalized by the running
    statistics if ``accepts_single_value``, as in :class:`VoxelBatchNorm`.
    """

    accepts_single_value = False
    process_group = None  # read by torch's forward pass
    _check_input_dim = nn.SyncBatchNorm._check_input_dim
    _check_non_zero_input_channels = nn.SyncBatchNorm._check_non_zero_input_channels

    @classmethod
    def replacing(cls, norm: _BatchNorm) -> Self:
        """Return a norm with the parameters, statistics and mode of another."""
        new = cls(
            norm.num_features,
            norm.eps,
            norm.momentum,
            norm.affine,
            norm.track_running_stats,
        )
        new.weight, new.bias = norm.weight, norm.bias
        new.running_mean, new.running_var = norm.running_mean, norm.running_var
        new.num_batches_tracked = norm.num_batches_tracked
        new.accepts_single_value = isinstance(norm, VoxelBatchNorm)
        return new.train(norm.training)

    @property
    def synchronizes(self) -> bool:
        """True if the forward pass waits for the other ranks."""
        return self.training and num_ranks() > 1

    def forward(self, input: Tensor) -> Tensor:
        """Normalize values of C channels, shape (N, C, ...)."""
        if not self.synchronizes:
            if self.training and self.accepts_single_value and len(input) == 1:
                return _by_running(self, input)
            return super().forward(input)
        if _placeholders:
            return input + self._normalize(input[:0]).sum() * 0.0
        return self._normalize(input)

    def _normalize(self, input: Tensor) -> Tensor:
        if input.is_cuda:
            return nn.SyncBatchNorm.forward(self, input)  # type: ignore[arg-type]
        mean, var, count = _moments_of_all_ranks(input.detach())
        if count == 1 and self.accepts_single_value:
            return _by_running(self, input)
        if count == 1:
            raise ValueError(
                "Batch normalization needs more than one value per channel in training, but all "
                f"processes together have one of shape {tuple(input.shape)}."
            )
        if count > 0 and self.track_running_stats:
            self._track(mean, var * (count / (count - 1)))
        normalized: Tensor = _Normalize.apply(  # type: ignore[no-untyped-call]
            input, mean.to(input.dtype), (var + self.eps).rsqrt().to(input.dtype), count
        )
        if not self.affine:
            return normalized
        shape = (1, -1, *[1] * (input.dim() - 2))
        return normalized * self.weight.view(shape) + self.bias.view(shape)

    def _track(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of a batch, var unbiased."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        weight = self.momentum
        if weight is None:
            weight = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(var.to(self.running_var.dtype), weight)


_SYNCHRONIZED = (SynchronizedBatchNorm, nn.SyncBatchNorm)


def synchronize_batch_norms(network: Network) -> Network:
    """Synchronize all batch norms of a network across ranks, in place.

    Parameters and statistics remain the same tensors under the same names. Norms in
    eval mode stay as they are until they are set to training.

    Returns:
        The network.
    """
    replaced: dict[nn.Module, nn.Module] = {}
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm) and not isinstance(child, _SYNCHRONIZED):
                if child not in replaced:
                    replaced[child] = SynchronizedBatchNorm.replacing(child)
                setattr(parent, name, replaced[child])
    return network


def synchronizes(parts: Iterable[nn.Module]) -> bool:
    """Return whether the forward pass of any part waits for the other ranks."""
    modules = (module for part in parts for module in part.modules())
    return any(isinstance(m, SynchronizedBatchNorm) and m.synchronizes for m in modules)


@contextmanager
def placeholder_rows() -> Iterator[None]:
    """Leave the input of synchronized norms as it is and out of the statistics.

    A rank without values runs its network on a placeholder, so that it takes part in
    what the other ranks wait for, in the same order forward and backward.
    """
    global _placeholders
    _placeholders = True
    try:
        yield
    finally:
        _placeholders = False


def _by_running(norm: _BatchNorm, input: Tensor) -> Tensor:
    return F.batch_norm(
        input, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
    )


def _moments_of_all_ranks(input: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return mean and biased variance of each channel, float64, (C,), and the count."""
    wide = input.double()
    axes = [axis for axis in range(input.dim()) if axis != 1]
    own = input.numel() / max(input.shape[1], 1)
    sums = torch.cat([wide.sum(axes), wide.square().sum(axes), wide.new_tensor([own])])
    dist.all_reduce(sums)
    count = int(sums[-1])
    mean, mean_square = (sums[:-1] / max(count, 1)).chunk(2)
    return mean, (mean_square - mean.square()).clamp(min=0), count


class _Normalize(torch.autograd.Function):
    """Values minus mean, divided by deviation, both of the values of all ranks."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, mean: Tensor, scale: Tensor, count: int) -> Tensor:
        shape = (1, -1, *[1] * (input.dim() - 2))
        normalized = (input - mean.view(shape)) * scale.view(shape)
        ctx.save_for_backward(normalized, scale)
        ctx.count = max(count, 1)
        return normalized

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        normalized, scale = ctx.saved_tensors
        axes = [axis for axis in range(grad.dim()) if axis != 1]
        sums = torch.cat([grad.double().sum(axes), (grad.double() * normalized.double()).sum(axes)])
        dist.all_reduce(sums)
        shape = (1, -1, *[1] * (grad.dim() - 2))
        mean, slope = ((part / ctx.count).to(grad.dtype).view(shape) for part in sums.chunk(2))
        return (grad - mean - normalized * slope) * scale.view(shape), None, None, None
