"""The base class of sparse layers, and a sequence of sparse and plain layers."""

from typing import Any

from torch import nn

from perception_kd.ops.sparse.tensor import SparseConvTensor


class SparseModule(nn.Module):
    """Base class of modules that take a :class:`SparseConvTensor`."""


class SparseSequential(SparseModule, nn.Sequential):
    """Layers one after another; plain ones, such as norms, get the features alone.

    As in spconv, plain layers are skipped where there are no voxels.
    """

    # The input is a sparse tensor, or a plain one if the first layers are plain.
    def forward(self, input: Any) -> Any:
        """Apply the layers."""
        for layer in self:
            if isinstance(layer, SparseModule) or not isinstance(input, SparseConvTensor):
                input = layer(input)
            elif len(input.indices) > 0:
                input = input.replace_feature(layer(input.features))
        return input
