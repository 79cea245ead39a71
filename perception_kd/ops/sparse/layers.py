"""Sparse convolution layers, with the parameters of spconv's."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.ops.sparse.convolution import convolve
from perception_kd.ops.sparse.modules import SparseModule
from perception_kd.ops.sparse.rulebook import (
    Kernel,
    Rulebook,
    strided_rulebook,
    submanifold_rulebook,
)
from perception_kd.ops.sparse.tensor import SparseConvTensor

Size = int | Sequence[int]


class SparseConvolution(SparseModule):
    """Base class of the layers; output voxels depend on the kind.

    - Submanifold: the input voxels [1]. The kernel is centered, whatever the padding.
    - Strided and transposed: all voxels that an input voxel reaches.
    - Inverse: the input voxels of the layer with the same ``indice_key``.

    Weights have shape (C_out, *kernel size, C_in). Those of a kernel of one cell and
    stride 1 are read in memory order as (C_in, C_out), as spconv does, so that its
    checkpoints load.

    - [1] Submanifold Sparse Convolutional Networks, 2017,
      https://arxiv.org/abs/1706.01307

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Extent and steps.
        groups: Must be 1.
        bias: Whether to add a bias.
        indice_key: Name under which layers share the rulebook.

    Raises:
        ValueError: If ``groups`` is not 1, or a submanifold kernel has an even size.
    """

    ndim: int
    subm = False
    transposed = False
    inverse = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Kernel,
        groups: int,
        bias: bool,
        indice_key: str | None,
    ) -> None:
        super().__init__()
        if groups != 1:
            raise ValueError(f"groups must be 1 in sparse convolutions, but got {groups}.")
        if self.subm and not all(size % 2 for size in kernel.size):
            raise ValueError(
                f"kernel_size of submanifold convolutions must be odd, but got {kernel.size}."
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel = kernel
        self.indice_key = indice_key
        self.is_pointwise = math.prod(kernel.size) == 1 and (
            self.subm or math.prod(kernel.stride) == 1
        )
        self.weight = nn.Parameter(torch.empty(out_channels, *kernel.size, in_channels))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw parameters uniformly within 1 / sqrt(inputs of an output), as spconv."""
        bound = 1 / math.sqrt(self.in_channels * math.prod(self.kernel.size))
        # The same rounding as spconv's, so that a seed gives the same weights.
        gain = nn.init.calculate_gain("leaky_relu", math.sqrt(5))
        fan_in = self.in_channels * math.prod(self.kernel.size)
        wide = math.sqrt(3.0) * (gain / math.sqrt(fan_in))
        with torch.no_grad():
            self.weight.uniform_(-wide, wide)
            if self.bias is not None:
                self.bias.uniform_(-bound, bound)

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """Cells of the kernel along every axis."""
        return self.kernel.size

    @property
    def stride(self) -> tuple[int, ...]:
        """Stride along every axis."""
        return self.kernel.stride

    def extra_repr(self) -> str:
        """Describe the settings."""
        kernel = ", ".join(f"{k}={v}" for k, v in self.kernel._asdict().items())
        return f"{self.in_channels}, {self.out_channels}, {kernel}, bias={self.bias is not None}"

    def forward(self, input: SparseConvTensor) -> SparseConvTensor:
        """Convolve the voxels.

        Raises:
            ValueError: If the number of channels differs, or if the rulebook of
                ``indice_key`` is missing or that of another convolution.
        """
        if input.features.shape[1] != self.in_channels:
            raise ValueError(
                f"The features must have {self.in_channels} channels, but have "
                f"{input.features.shape[1]}."
            )
        if self.is_pointwise:
            weight = self.weight.view(self.in_channels, self.out_channels)
            return input.replace_feature(self._add_bias(torch.mm(input.features, weight)))

        rulebook = self._find_rulebook(input)
        rulebooks = dict(input.indice_dict)
        if self.indice_key is not None:
            rulebooks[self.indice_key] = rulebook
        features = convolve(input.features, self.weight, rulebook, self.inverse)
        inverse = self.inverse
        return SparseConvTensor(
            self._add_bias(features),
            rulebook.in_coors if inverse else rulebook.out_coors,
            rulebook.in_shape if inverse else rulebook.out_shape,
            input.batch_size,
            rulebooks,
        )

    def _add_bias(self, features: Tensor) -> Tensor:
        return features if self.bias is None else features + self.bias.to(features.dtype)

    def _find_rulebook(self, input: SparseConvTensor) -> Rulebook:
        known, shape = input.find_indice_pair(self.indice_key), tuple(input.spatial_shape)
        if self.inverse:
            if known is None or known.is_submanifold:
                raise ValueError(
                    f"indice_key must be that of a strided convolution before, but got "
                    f"{self.indice_key!r}."
                )
            self._check_same(known.kernel.size, known.out_shape, known.out_coors, input)
            return known
        if known is None:
            if self.subm:
                return submanifold_rulebook(input.indices, shape, self.kernel)
            return strided_rulebook(
                input.indices, shape, input.batch_size, self.kernel, self.transposed
            )
        if not self.subm or not known.is_submanifold:
            raise ValueError(
                f"indice_key {self.indice_key!r} is taken by another layer; only submanifold "
                "convolutions share a rulebook."
            )
        self._check_same(known.kernel.size, known.in_shape, known.in_coors, input)
        if known.kernel.dilation != self.kernel.dilation:
            raise ValueError(f"Layers of indice_key {self.indice_key!r} must have one dilation.")
        return known

    def _check_same(
        self, size: tuple[int, ...], shape: tuple[int, ...], coors: Tensor, input: SparseConvTensor
    ) -> None:
        found = self.kernel.size, tuple(input.spatial_shape), len(input.indices)
        if found != (size, shape, len(coors)):
            raise ValueError(
                f"Layers of indice_key {self.indice_key!r} must have the kernel size, cells and "
                f"number of voxels of the first, {(size, shape, len(coors))}, but got {found}."
            )


def expand(ndim: int, value: Size) -> tuple[int, ...]:
    """Return a setting along every axis.

    Raises:
        ValueError: If it has another number of axes.
    """
    values = (value,) * ndim if isinstance(value, int) else tuple(int(v) for v in value)
    if len(values) != ndim:
        raise ValueError(f"A setting must have {ndim} numbers, but got {values}.")
    return values


class _Convolution(SparseConvolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        indice_key: str | None = None,
    ) -> None:
        settings = (kernel_size, stride, padding, dilation, 0)
        kernel = Kernel(*(expand(self.ndim, setting) for setting in settings))
        super().__init__(in_channels, out_channels, kernel, groups, bias, indice_key)


class _InverseConvolution(SparseConvolution):
    inverse = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        indice_key: str,
        bias: bool = True,
    ) -> None:
        kernel = Kernel(*(expand(self.ndim, setting) for setting in (kernel_size, 1, 0, 1, 0)))
        super().__init__(in_channels, out_channels, kernel, 1, bias, indice_key)


class SubMConv2d(_Convolution):
    """Submanifold convolution of images."""

    ndim, subm = 2, True


class SubMConv3d(_Convolution):
    """Submanifold convolution of volumes."""

    ndim, subm = 3, True


class SubMConv4d(_Convolution):
    """Submanifold convolution over four axes."""

    ndim, subm = 4, True


class SparseConv2d(_Convolution):
    """Strided convolution of images."""

    ndim = 2


class SparseConv3d(_Convolution):
    """Strided convolution of volumes."""

    ndim = 3


class SparseConv4d(_Convolution):
    """Strided convolution over four axes."""

    ndim = 4


class SparseConvTranspose2d(_Convolution):
    """Transposed convolution of images."""

    ndim, transposed = 2, True


class SparseConvTranspose3d(_Convolution):
    """Transposed convolution of volumes."""

    ndim, transposed = 3, True


class SparseConvTranspose4d(_Convolution):
    """Transposed convolution over four axes."""

    ndim, transposed = 4, True


class SparseInverseConv2d(_InverseConvolution):
    """Inverse of a strided convolution of images."""

    ndim = 2


class SparseInverseConv3d(_InverseConvolution):
    """Inverse of a strided convolution of volumes."""

    ndim = 3


class SparseInverseConv4d(_InverseConvolution):
    """Inverse of a strided convolution over four axes."""

    ndim = 4
