"""Maximum over the active voxels of a kernel."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from perception_kd.ops.sparse.layers import Size, expand
from perception_kd.ops.sparse.modules import SparseModule
from perception_kd.ops.sparse.rulebook import Kernel, strided_rulebook
from perception_kd.ops.sparse.tensor import SparseConvTensor


class _SparseMaxPool(SparseModule):
    """Take the maximum over the active voxels that an output voxel covers.

    Args:
        kernel_size: Cells of the kernel.
        stride: Step between output cells; the kernel size if None.
        padding: Cells added at both ends.
        dilation: Step between kernel cells.
        indice_key: Name under which an inverse convolution finds the rulebook.
    """

    ndim: int

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        indice_key: str | None = None,
    ) -> None:
        super().__init__()
        settings = (kernel_size, kernel_size if stride is None else stride, padding, dilation, 0)
        self.kernel = Kernel(*(expand(self.ndim, setting) for setting in settings))
        self.indice_key = indice_key

    def forward(self, input: SparseConvTensor) -> SparseConvTensor:
        """Pool the voxels."""
        rulebook = strided_rulebook(
            input.indices, input.spatial_shape, input.batch_size, self.kernel, transposed=False
        )
        rulebooks = dict(input.indice_dict)
        if self.indice_key is not None:
            rulebooks[self.indice_key] = rulebook
        features = _maximum(input.features, rulebook.sources, rulebook.targets)
        return SparseConvTensor(
            features, rulebook.out_coors, rulebook.out_shape, input.batch_size, rulebooks
        )


class SparseMaxPool2d(_SparseMaxPool):
    """Maximum over the active cells of images."""

    ndim = 2


class SparseMaxPool3d(_SparseMaxPool):
    """Maximum over the active cells of volumes."""

    ndim = 3


def _maximum(features: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
    return _Maximum.apply(features, sources, targets)  # type: ignore[no-untyped-call]


class _Maximum(torch.autograd.Function):
    """Maximum of gathered rows; equal maxima all get the gradient, as in spconv."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
        padded = F.pad(features, (0, 0, 0, 1), value=float("-inf"))
        out = padded[sources].amax(dim=1)
        ctx.save_for_backward(features, out, targets)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        features, out, targets = ctx.saved_tensors
        maxima = F.pad(out, (0, 0, 0, 1), value=float("inf"))[targets]
        grads = F.pad(grad, (0, 0, 0, 1))[targets]
        return (grads * (maxima == features[:, None])).sum(dim=1), None, None
