"""Sparse convolution in torch operations, for any device.

The names are those of ``spconv.pytorch`` [1], in whose place this package can stand:
parameters have the same names, layouts and initial values, so the same checkpoints
load. ``backend.py`` chooses between the two.

- [1] https://github.com/traveller59/spconv
"""

from perception_kd.ops.sparse.layers import (
    SparseConv2d,
    SparseConv3d,
    SparseConv4d,
    SparseConvolution,
    SparseConvTranspose2d,
    SparseConvTranspose3d,
    SparseConvTranspose4d,
    SparseInverseConv2d,
    SparseInverseConv3d,
    SparseInverseConv4d,
    SubMConv2d,
    SubMConv3d,
    SubMConv4d,
)
from perception_kd.ops.sparse.max_pool import SparseMaxPool2d, SparseMaxPool3d
from perception_kd.ops.sparse.modules import SparseModule, SparseSequential
from perception_kd.ops.sparse.tensor import SparseConvTensor

__all__ = [
    "SparseConv2d",
    "SparseConv3d",
    "SparseConv4d",
    "SparseConvTensor",
    "SparseConvTranspose2d",
    "SparseConvTranspose3d",
    "SparseConvTranspose4d",
    "SparseConvolution",
    "SparseInverseConv2d",
    "SparseInverseConv3d",
    "SparseInverseConv4d",
    "SparseMaxPool2d",
    "SparseMaxPool3d",
    "SparseModule",
    "SparseSequential",
    "SubMConv2d",
    "SubMConv3d",
    "SubMConv4d",
]
