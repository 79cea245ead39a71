"""mmdet3d's layers of pillars, with batch norms over rows on a CPU."""

from typing import Any

import torch
import torch.nn.functional as F
from mmdet3d.models.voxel_encoders.utils import PFNLayer
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class RowsPFNLayer(PFNLayer):
    """The same layer without transposing, in trainings on a CPU.

    mmdet3d gives the norm (K, C, slots) for K pillars of that many points. Statistics
    of a channel are over the same values as those of rows (K * slots, C), which need no
    copies.
    """

    def forward(
        self,
        inputs: Tensor,
        num_voxels: Tensor | None = None,
        aligned_distance: Tensor | None = None,
    ) -> Tensor:
        """Return the features of pillars, or those of points beside them.

        Args:
            inputs: Features of the points of each pillar, shape (K, slots, C).
            num_voxels: As for mmdet3d's layer.
            aligned_distance: As for mmdet3d's layer.
        """
        has_rows = self.mode == "max" and aligned_distance is None and len(inputs) > 0
        if not (has_rows and inputs.is_cpu and _updates_statistics(self.norm)):
            other: Tensor = super().forward(inputs, num_voxels, aligned_distance)
            return other
        linear = self.linear(inputs)
        feats = F.relu(normalize_rows(linear.flatten(0, 1), self.norm).view_as(linear))
        highest = feats.max(dim=1, keepdim=True).values
        if self.last_vfe:
            return highest
        return torch.cat([feats, highest.expand_as(feats)], dim=2)


def _updates_statistics(norm: nn.Module) -> bool:
    return (
        type(norm) is nn.BatchNorm1d
        and norm.training
        and norm.affine
        and norm.track_running_stats
        and norm.momentum is not None
    )


def use_rows(encoder: nn.Module | None) -> None:
    """Let the layers of pillars of an encoder be :class:`RowsPFNLayer`, in place.

    Parameters and their names do not change. Other encoders are left as they are.
    """
    for layer in getattr(encoder, "pfn_layers", ()):
        if type(layer) is PFNLayer:
            layer.__class__ = RowsPFNLayer


def normalize_rows(rows: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Normalize the columns of rows as a batch norm in a training, and update it.

    torch's own norm adds up long columns one by one in float32. Its sums, which are
    taken here, are over blocks, and round far less.

    Args:
        rows: Shape (N, C), N at least 2.
        norm: Batch norm of C channels, with weights and running statistics.

    Returns:
        Shape (N, C).
    """
    normalized: Tensor
    normalized, mean, variance = _NormalizeRows.apply(  # type: ignore[no-untyped-call]
        rows, norm.weight, norm.bias, norm.eps
    )
    momentum, count = norm.momentum, len(rows)
    assert momentum is not None
    with torch.no_grad():
        for running, value in (
            (norm.running_mean, mean),
            (norm.running_var, variance * (count / (count - 1))),
        ):
            assert running is not None
            running.lerp_(value.to(running.dtype), momentum)
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
    return normalized


class _NormalizeRows(torch.autograd.Function):
    """Columns minus their mean over their deviation, times a weight, plus a bias."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean = rows.mean(0)
        centered = rows - mean
        variance = centered.square().mean(0)
        factor = (variance + eps).rsqrt()
        normalized = centered.mul_(factor)
        ctx.save_for_backward(normalized, weight, factor)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(bias, normalized, weight), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        normalized, weight, factor = ctx.saved_tensors
        of_bias, of_weight = grad.sum(0), (grad * normalized).sum(0)
        of_rows = None
        if ctx.needs_input_grad[0]:
            centered = grad - of_bias / len(grad)
            of_rows = centered.addcmul_(normalized, of_weight / len(grad), value=-1)
            of_rows.mul_(weight * factor)
        return of_rows, of_weight, of_bias, None
