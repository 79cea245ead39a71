"""Sparse convolution on a CPU in torch operations, in place of spconv's kernels.

spconv 2.3.8 has these faults on a CPU, which :func:`install_cpu_kernels` removes:

- the backward pass of every convolution asks for a CUDA stream and raises;
- the forward pass with two or more threads is occasionally wrong, silently, because
  ``scatter_add_cpu`` shares its two row pointers among the threads;
- a strided convolution of a batch without voxels raises;
- a convolution with a bias raises in ``eval()``;
- ``SparseMaxPool`` starts from zero, so negative features vanish.

Tensors on other devices use spconv's kernels. The layers of this package use the
functions, too.
"""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

TESTED_VERSIONS = ("2.3.8",)


def indice_conv(
    features: Tensor,
    filters: Tensor,
    indice_pairs: Tensor,
    indice_pair_num: Tensor,
    num_activate_out: int,
    inverse: bool = False,
    subm: bool = False,
    **options: Any,
) -> Tensor:
    """Convolve the features of active voxels.

    Rows are gathered, multiplied and added per kernel offset. An output voxel has at
    most one pair per offset, so no two threads write to the same row. Autocast has no
    effect: products and sums are float32 or wider, and the result has the dtype of
    ``features``.

    Args:
        features: Features of the input voxels, shape (K_in, C_in).
        filters: Weights, shape (C_out, *kernel_size, C_in).
        indice_pairs: Rows of input and output voxels that each kernel offset joins,
            shape (2, kernel offsets, K_in); filled from the front.
        indice_pair_num: Number of pairs of each offset, shape (kernel offsets,).
        num_activate_out: Number of output voxels, K_out.
        inverse: Whether the pairs are those of the convolution to undo.
        subm: Whether output voxels are the input voxels.
        options: Further arguments of spconv; a ``bias`` of shape (C_out,) is added.

    Returns:
        Features of the output voxels, shape (K_out, C_out).
    """
    wide = torch.promote_types(features.dtype, torch.float32)
    source = features.to(wide)
    # (kernel offsets, C_in, C_out); contiguous, since the products are small.
    weight = filters.to(wide).flatten(1, -2).permute(1, 2, 0).contiguous()
    with torch.autocast("cpu", enabled=False):
        if subm:
            out = source @ weight[len(weight) // 2]
        else:
            out = source.new_zeros(num_activate_out, weight.shape[2])
        gathered, sums = _buffers(indice_pair_num, source, out)
        for offset, rows_in, rows_out in _pairs(indice_pairs, indice_pair_num, inverse, subm):
            num = len(rows_in)
            torch.index_select(source, 0, rows_in, out=gathered[:num])
            _add_product(out, rows_out, gathered[:num], weight[offset], sums[:num])
        if options.get("bias") is not None:
            out += options["bias"]
    return out.to(features.dtype)


def indice_conv_backward(
    features: Tensor,
    filters: Tensor,
    out_bp: Tensor,
    indice_pairs: Tensor,
    indice_pair_num: Tensor,
    inverse: bool = False,
    subm: bool = False,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Compute both gradients of :func:`indice_conv`.

    Args:
        features: Features of the input voxels, shape (K_in, C_in).
        filters: Weights, shape (C_out, *kernel_size, C_in).
        out_bp: Gradient of the output, shape (K_out, C_out).
        indice_pairs: As in the forward pass.
        indice_pair_num: As in the forward pass.
        inverse: As in the forward pass.
        subm: As in the forward pass.

    Returns:
        Gradients of ``features`` and ``filters``, in their shapes, float32 or wider;
        autograd rounds them where the leaves have half precision.
    """
    wide = torch.promote_types(features.dtype, torch.float32)
    source, grad = features.to(wide), out_bp.to(wide)
    weight = filters.to(wide).flatten(1, -2).transpose(0, 1).contiguous()
    grad_weight = torch.zeros_like(weight)  # (kernel offsets, C_out, C_in)
    with torch.autocast("cpu", enabled=False):
        if subm:
            center = len(weight) // 2
            grad_source = grad @ weight[center]
            grad_weight[center] = grad.T @ source
        else:
            grad_source = torch.zeros_like(source)
        gathered, grad_rows = _buffers(indice_pair_num, source, grad)
        for offset, rows_in, rows_out in _pairs(indice_pairs, indice_pair_num, inverse, subm):
            num = len(rows_in)
            torch.index_select(grad, 0, rows_out, out=grad_rows[:num])
            _add_product(grad_source, rows_in, grad_rows[:num], weight[offset], gathered[:num])
            torch.index_select(source, 0, rows_in, out=gathered[:num])
            torch.mm(grad_rows[:num].T, gathered[:num], out=grad_weight[offset])
    return grad_source, grad_weight.transpose(0, 1).reshape(filters.shape)


def indice_maxpool(
    features: Tensor, indice_pairs: Tensor, indice_pair_num: Tensor, num_activate_out: int
) -> Tensor:
    """Take the maximum over the active input voxels of each output voxel.

    Args:
        features: Features of the input voxels, shape (K_in, C).
        indice_pairs: Rows of input and output voxels that each kernel offset joins,
            shape (2, kernel offsets, K_in); filled from the front.
        indice_pair_num: Number of pairs of each offset, shape (kernel offsets,).
        num_activate_out: Number of output voxels, K_out.

    Returns:
        Features of the output voxels, shape (K_out, C).
    """
    out = features.new_full((num_activate_out, features.shape[1]), float("-inf"))
    for _, rows_in, rows_out in _pairs(indice_pairs, indice_pair_num, inverse=False, subm=False):
        out[rows_out] = torch.maximum(out[rows_out], features[rows_in])
    return out


def _buffers(indice_pair_num: Tensor, *likes: Tensor) -> list[Tensor]:
    """Allocate rows for the largest kernel offset; once is faster than per offset."""
    longest = int(indice_pair_num.max())
    return [like.new_empty(longest, like.shape[1]) for like in likes]


def _add_product(out: Tensor, rows: Tensor, left: Tensor, right: Tensor, buffer: Tensor) -> None:
    """Add ``left @ right`` to distinct rows of ``out``, in place.

    Rows are distinct because kernel offset k joins positions by ``input = stride *
    output - padding + dilation * k``: an input has at most one output and vice versa,
    as long as no voxel is listed twice. ``index_add_`` allows for repeated rows and
    takes up to twice as long.
    """
    torch.index_select(out, 0, rows, out=buffer)
    out.index_copy_(0, rows, buffer.addmm_(left, right))


def _pairs(
    indice_pairs: Tensor, indice_pair_num: Tensor, inverse: bool, subm: bool
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield each kernel offset that has pairs, with input rows and output rows."""
    counts = indice_pair_num.tolist()
    if subm:
        # spconv counts only one half of the symmetric kernel, without the center, which
        # joins every voxel with itself.
        center = len(counts) // 2
        counts[center + 1 :] = counts[:center][::-1]
    pairs_in, pairs_out = indice_pairs[int(inverse)], indice_pairs[int(not inverse)]
    for offset, count in enumerate(counts):
        if count > 0:
            # index_copy_ needs int64.
            yield offset, pairs_in[offset, :count].long(), pairs_out[offset, :count].long()


def install_cpu_kernels(ops: ModuleType | None = None, version: str | None = None) -> bool:
    """Make spconv call the functions of this module for tensors on a CPU.

    Layers of spconv look up kernels in ``spconv.pytorch.ops``, so they are replaced
    there, once, by functions that choose by the device of the features. spconv's
    kernels remain available as ``__wrapped__``. With a version of spconv that is
    not among ``TESTED_VERSIONS``, convolutions on a CPU raise and the rest works.

    Args:
        ops: Module to change; ``spconv.pytorch.ops`` if not given.
        version: Version of spconv; that of the installed one if not given.

    Returns:
        Whether spconv is installed.
    """
    if ops is None or version is None:
        try:
            import spconv
            import spconv.pytorch.ops
        except ImportError:
            return False
        ops, version = ops or spconv.pytorch.ops, version or spconv.__version__

    for kernel in (indice_conv, indice_conv_backward, indice_maxpool):
        own = getattr(ops, kernel.__name__)
        if not hasattr(own, "cpu_kernel"):
            tested = version in TESTED_VERSIONS
            setattr(ops, kernel.__name__, _by_device(own, kernel if tested else _refuse(version)))
    return True


def use_native_pairs_on_cpu() -> None:
    """Let layers of a build of spconv for CUDA also work on a CPU, once.

    They choose an algorithm when they are built, most of them one without CPU kernels.
    """
    from spconv.pytorch.conv import SparseConvolutionBase

    own = SparseConvolutionBase._conv_forward
    if not hasattr(own, "__wrapped__"):
        SparseConvolutionBase._conv_forward = _native_on_cpu(own)


def _native_on_cpu(own: Callable[..., Any]) -> Callable[..., Any]:
    from spconv.core import ConvAlgo

    @functools.wraps(own)
    def forward(layer: Any, training: bool, input: Any, *args: Any, **kwargs: Any) -> Any:
        if input.features.device.type != "cpu":
            return own(layer, training, input, *args, **kwargs)
        algo, layer.algo = layer.algo, ConvAlgo.Native
        try:
            return own(layer, training, input, *args, **kwargs)
        finally:
            layer.algo = algo

    return forward


def _by_device(own: Callable[..., Any], cpu_kernel: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def choose(features: Tensor, *args: Any, **kwargs: Any) -> Any:
        kernel = cpu_kernel if features.device.type == "cpu" else own
        return kernel(features, *args, **kwargs)

    choose.cpu_kernel = cpu_kernel  # type: ignore[attr-defined]
    return choose


def _refuse(version: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError(
            f"spconv must be {' or '.join(TESTED_VERSIONS)} for sparse convolutions on a CPU, "
            f"but got {version}; install the tested version, use a GPU, or set the environment "
            "variable PERCEPTION_KD_SPARSE_CONV to torch."
        )

    return refuse
