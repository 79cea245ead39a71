"""Layouts of the weights of convolutions: ours and those of other stacks.

Sparse kernels are (C_out, z, y, x, C_in) here, as in spconv 2. Other stacks order the
numbers of the same kernel differently, and some have the axes of their grid the other
way round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Layout of a weight of ours in another stack.

    Attributes:
        to_theirs: From our layout to theirs.
        to_ours: From their layout to ours, given our shape. What cannot have it is
            returned in a shape that differs, so that the caller can name both.
    """

    to_theirs: Callable[[Tensor], Tensor]
    to_ours: Callable[[Tensor, Sequence[int]], Tensor]


def to_spconv1(kernel: Tensor) -> Tensor:
    """Return (*kernel, C_in, C_out) of (C_out, *kernel, C_in)."""
    return kernel.movedim(0, -1)


def from_spconv(value: Tensor, shape: Sequence[int]) -> Tensor:
    """Return (C_out, *kernel, C_in) of a kernel of spconv 1 or 2.

    Args:
        value: Their kernel.
        shape: Shape of ours, which tells the two apart.
    """
    if tuple(value.shape) == tuple(shape) or value.dim() != 5:
        return value
    return value.movedim(-1, 0)


def swap_xz(kernel: Tensor) -> Tensor:
    """Return (C_out, x, y, z, C_in) of (C_out, z, y, x, C_in), and the reverse."""
    return kernel.transpose(1, 3)


def swap_xy(kernel: Tensor) -> Tensor:
    """Return a 2-d kernel for maps (X, Y) of one for maps (Y, X), and the reverse."""
    return kernel.transpose(2, 3)


def to_minkowski(kernel: Tensor) -> Tensor:
    """Flatten a kernel as MinkowskiEngine has it.

    Its index counts along the first axis of its coordinates first, which is x, for
    kernels of odd and of even size [1]; so z, y, x are flattened in this order.

    - [1] ``kernel_region.hpp`` of MinkowskiEngine 0.5,
      https://github.com/NVIDIA/MinkowskiEngine

    Args:
        kernel: Shape (C_out, z, y, x, C_in).

    Returns:
        Shape (z * y * x, C_in, C_out); (C_in, C_out) for a kernel of one cell.
    """
    flat = to_spconv1(kernel).flatten(0, 2)
    return flat[0] if len(flat) == 1 else flat


def from_minkowski(value: Tensor, shape: Sequence[int]) -> Tensor:
    """Return (C_out, z, y, x, C_in) of a kernel of MinkowskiEngine.

    Args:
        value: Their kernel; one that is larger than ours along all axes is cut to its
            center if it is zero elsewhere.
        shape: Shape of ours.
    """
    flat = value[None] if value.dim() == 2 else value
    edge = round(len(flat) ** (1 / 3))
    if flat.dim() != 3 or edge**3 != len(flat):
        return value
    kernel = flat.unflatten(0, (edge, edge, edge)).movedim(-1, 0)
    return crop_kernel(kernel, shape[1])


def pad_kernel(kernel: Tensor, edge: int) -> Tensor:
    """Return a kernel of ``edge`` cells along each axis, zero around the given one.

    A submanifold convolution with it has the same results.

    Args:
        kernel: Shape (C_out, k, k, k, C_in), with k odd and not above ``edge``.
        edge: An odd size.
    """
    margin = (edge - kernel.shape[1]) // 2
    padded = kernel.new_zeros(kernel.shape[0], edge, edge, edge, kernel.shape[-1])
    end = edge - margin
    padded[:, margin:end, margin:end, margin:end] = kernel
    return padded


def crop_kernel(kernel: Tensor, edge: int) -> Tensor:
    """Undo :func:`pad_kernel`.

    Args:
        kernel: Shape (C_out, edge_in, edge_in, edge_in, C_in), edge_in odd.
        edge: Size k of the result, odd.

    Returns:
        Shape (C_out, k, k, k, C_in); ``kernel`` itself if it is not larger, or not zero
        outside of these cells.
    """
    margin = (kernel.shape[1] - edge) // 2
    if margin < 1:
        return kernel
    end = kernel.shape[1] - margin
    cropped = kernel[:, margin:end, margin:end, margin:end]
    return cropped if (pad_kernel(cropped, kernel.shape[1]) == kernel).all() else kernel


def _keep(value: Tensor, shape: Sequence[int]) -> Tensor:
    return value


SAME = Layout(lambda value: value, _keep)
# Kernels with axes (z, y, x); both layouts are read.
SPCONV1 = Layout(to_spconv1, from_spconv)
SPCONV2 = Layout(lambda value: value, from_spconv)
# Kernels with axes (x, y, z).
SPCONV1_XYZ = Layout(
    lambda value: to_spconv1(swap_xz(value)),
    lambda value, shape: swap_xz(from_spconv(value, _swapped(shape))),
)
SPCONV2_XYZ = Layout(swap_xz, lambda value, shape: swap_xz(from_spconv(value, _swapped(shape))))
# The stem of Pointcept's SpUNet has 5^3 cells.
SPCONV2_XYZ_5 = Layout(
    lambda value: pad_kernel(swap_xz(value), 5),
    lambda value, shape: crop_kernel(
        SPCONV2_XYZ.to_ours(value, (*shape[:1], 5, 5, 5, shape[-1])), shape[1]
    ),
)
MINKOWSKI = Layout(to_minkowski, from_minkowski)
MINKOWSKI_5 = Layout(lambda value: to_minkowski(pad_kernel(value, 5)), from_minkowski)
# A linear layer as a convolution of one cell; its bias is (1, C) there.
MINKOWSKI_LINEAR = Layout(lambda value: value.T, lambda value, shape: value.T)
MINKOWSKI_BIAS = Layout(lambda value: value[None], lambda value, shape: value.reshape(shape))
SPCONV_LINEAR = Layout(
    lambda value: value[:, None, None, None],
    lambda value, shape: from_spconv(value, (shape[0], 1, 1, 1, shape[1])).reshape(shape),
)
# Maps of the other stack are (X, Y).
MAP_XY = Layout(swap_xy, lambda value, shape: swap_xy(value))
# A convolution of one cell as a transposed convolution.
DECONV = Layout(lambda value: value.transpose(0, 1), lambda value, shape: value.transpose(0, 1))


def _swapped(shape: Sequence[int]) -> tuple[int, ...]:
    return (shape[0], *reversed(shape[1:4]), shape[4])
