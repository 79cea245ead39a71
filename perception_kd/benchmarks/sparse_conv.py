"""Sparse convolution on a CPU, compared with spconv at the layer sizes of a MinkUNet.

spconv's forward passes only: its backward pass raises on a CPU. With two threads its
forward pass is sometimes wrong, which shows as a ``max_abs_diff`` above 1e-3. Forward
and backward passes together are compared with the matrix products in them, which no
implementation can do without: the limit.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare
from perception_kd.ops.sparse.cpu_kernels import indice_conv, indice_conv_backward
from perception_kd.ops.sparse.rulebook import Kernel, strided_rulebook, submanifold_rulebook

GRID = [48, 800, 800]
NUM_VOXELS = 30_000

# Input and output channels, kernel size, stride (1: submanifold), inverse.
LAYERS = [
    (4, 32, 3, 1, False),
    (32, 32, 3, 1, False),
    (64, 64, 3, 1, False),
    (96, 96, 3, 1, False),
    (128, 128, 3, 1, False),
    (256, 256, 3, 1, False),
    (32, 64, 2, 2, False),
    (64, 64, 3, 2, False),
    (96, 96, 2, 2, True),
]


def benchmark_sparse_conv(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare the passes of layers with 30 000 voxels, and the search for their pairs.

    Args:
        settings: Repeats and device, which has to be a CPU.

    Yields:
        One row per layer, then one for all layers: summed times, largest memory; the
        same for forward and backward passes, ``sparse_conv/step``; then the search for
        the pairs of all rulebooks.

    Raises:
        ValueError: If the device is not a CPU.
    """
    if torch.device(settings.device).type != "cpu":
        raise ValueError(f"This benchmark runs on the CPU only; got device={settings.device}.")
    torch.manual_seed(0)
    voxels = make_street_voxels(NUM_VOXELS)
    for kind, make in (("", make_case), ("/step", make_step)):
        rows = []
        for layer in LAYERS:
            rows.append(compare(make(voxels, *layer), settings))
            yield rows[-1]
        yield add_up(f"sparse_conv{kind}/all", rows)
    for kernel, stride in ((3, 1), (2, 2), (3, 2)):
        yield compare(make_search(voxels, kernel, stride), settings)


def add_up(name: str, rows: Sequence[Row]) -> Row:
    """Return the row of several layers one after another."""
    ours_s, reference_s = (sum(row[key] for row in rows) for key in ("ours_s", "reference_s"))
    largest = {
        key: None if rows[0][key] is None else max(row[key] for row in rows)
        for key in ("ours_mb", "reference_mb", "max_abs_diff")
    }
    return {
        "name": name,
        "reference": rows[0]["reference"],
        "ours_s": ours_s,
        "reference_s": reference_s,
        "ratio": reference_s / ours_s,
        **largest,
    }


def make_case(
    voxels: Tensor, in_channels: int, out_channels: int, kernel: int, stride: int, inverse: bool
) -> Case:
    """Make the comparison of one layer.

    Args:
        voxels: Active voxels (0, z, y, x) in ``GRID``, shape (K, 4), int32.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the cubic kernel.
        stride: Stride; 1 makes a submanifold convolution.
        inverse: Whether to apply the inverse of the strided convolution.

    Returns:
        Case whose result is the features of the output voxels.
    """
    from spconv.pytorch import ops

    layer = make_layer(voxels, in_channels, out_channels, kernel, stride, inverse)
    arguments = (layer.feats, layer.filters, layer.pairs, layer.num_pairs, layer.num_out)
    spconv_conv = ops.indice_conv.__wrapped__
    return Case(
        name=f"sparse_conv/{layer.name}",
        reference="forward pass of spconv",
        ours=lambda: [indice_conv(*arguments, inverse, layer.subm)],
        theirs=lambda: [spconv_conv(*arguments, inverse, layer.subm)],
    )


def make_step(
    voxels: Tensor, in_channels: int, out_channels: int, kernel: int, stride: int, inverse: bool
) -> Case:
    """Make the comparison of forward and backward passes with their matrix products.

    Args:
        voxels: As in :func:`make_case`, with the rest.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the cubic kernel.
        stride: Stride; 1 makes a submanifold convolution.
        inverse: Whether to apply the inverse of the strided convolution.

    Returns:
        Case without results.
    """
    layer = make_layer(voxels, in_channels, out_channels, kernel, stride, inverse)
    counts = layer.num_pairs.tolist()
    if layer.subm:  # spconv counts one half of the symmetric kernel
        half = len(counts) // 2
        counts = [*counts[:half], len(voxels), *counts[:half]]
    weight = layer.filters.flatten(1, -2).permute(1, 2, 0).contiguous()
    grad = torch.randn(layer.num_out, out_channels)

    def step() -> Sequence[Tensor]:
        arguments = (layer.pairs, layer.num_pairs)
        indice_conv(layer.feats, layer.filters, *arguments, layer.num_out, inverse, layer.subm)
        indice_conv_backward(layer.feats, layer.filters, grad, *arguments, inverse, layer.subm)
        return []

    def products() -> Sequence[Tensor]:
        for offset, count in enumerate(counts):
            rows, grads = layer.feats[:count], grad[:count]
            rows @ weight[offset]
            grads @ weight[offset].T
            rows.T @ grads
        return []

    return Case(
        f"sparse_conv/step/{layer.name}", "its matrix products alone", step, products, False
    )


def make_search(voxels: Tensor, kernel: int, stride: int) -> Case:
    """Make the comparison of the search for pairs by torch with that by spconv.

    Args:
        voxels: Active voxels (0, z, y, x) in ``GRID``, shape (K, 4), int32.
        kernel: Size of the cubic kernel.
        stride: Stride; 1 makes a submanifold convolution.

    Returns:
        Case whose result is the number of pairs of every offset.
    """
    ours = Kernel((kernel,) * 3, (stride,) * 3, (0,) * 3, (1,) * 3, (0,) * 3)

    def search() -> Sequence[Tensor]:
        if stride == 1:
            book = submanifold_rulebook(voxels, GRID, ours)
        else:
            book = strided_rulebook(voxels, GRID, 1, ours, transposed=False)
        assert book.num_pairs is not None
        return [book.num_pairs[: kernel**3 // 2]]

    def spconv_search() -> Sequence[Tensor]:
        return [_spconv_pairs(voxels, kernel, stride)[2][: kernel**3 // 2]]

    kind = "subm" if stride == 1 else "strided"
    return Case(f"sparse_conv/pairs/{kind}{kernel}", "hash of spconv", search, spconv_search)


class ConvInputs(NamedTuple):
    """Inputs of a layer.

    Attributes:
        name: Kind, size of the kernel and channels.
        subm: Whether it is a submanifold convolution.
        feats: Features of the input voxels, shape (K_in, C_in).
        filters: Weights, shape (C_out, *kernel size, C_in).
        pairs: Rows that each offset joins, as spconv stores them.
        num_pairs: Number of pairs of each offset.
        num_out: Number of output voxels.
    """

    name: str
    subm: bool
    feats: Tensor
    filters: Tensor
    pairs: Tensor
    num_pairs: Tensor
    num_out: int


def make_layer(
    voxels: Tensor, in_channels: int, out_channels: int, kernel: int, stride: int, inverse: bool
) -> ConvInputs:
    """Make the inputs of a layer; arguments as in :func:`make_case`."""
    coarse, pairs, num_pairs = _spconv_pairs(voxels, kernel, stride)
    num_in, num_out = (len(coarse), len(voxels)) if inverse else (len(voxels), len(coarse))
    filters = torch.randn(out_channels, *[kernel] * 3, in_channels) / math.sqrt(in_channels)
    kind = "subm" if stride == 1 else "inverse" if inverse else "strided"
    name = f"{kind}{kernel}-{in_channels}-{out_channels}"
    feats = torch.randn(num_in, in_channels)
    return ConvInputs(name, stride == 1, feats, filters, pairs, num_pairs, num_out)


def _spconv_pairs(voxels: Tensor, kernel: int, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    from spconv.pytorch import ops

    settings = ([kernel] * 3, [stride] * 3, [0] * 3, [1] * 3, [0] * 3, stride == 1)
    return ops.get_indice_pairs(voxels, 1, GRID, ops.ConvAlgo.Native, *settings)


def make_street_voxels(num: int) -> Tensor:
    """Draw voxels of uneven ground and walls, denser near the middle.

    Args:
        num: Number of voxels K.

    Returns:
        Distinct voxels (0, z, y, x) in random order, shape (K, 4), int32. With 30 000,
        a voxel has 7 to 8 active voxels in its 3x3x3 neighborhood, itself included.
    """
    count = 8 * num
    distance, angle = torch.rand(count) ** 2 * 500 + 5, torch.rand(count) * 2 * math.pi
    x, y = 400 + distance * angle.cos(), 400 + distance * angle.sin()
    z = 15 + torch.rand(count) * 0.8 + torch.sin(x / 40)
    on_wall = torch.rand(count) < 0.4
    y = torch.where(on_wall, (y / 100).round() * 100 + torch.rand(count) * 0.8, y)
    z = torch.where(on_wall, 15 + torch.rand(count) * 25, z)
    voxels = torch.stack((torch.zeros(count), z, y.clamp(0, 799), x.clamp(0, 799)), 1).int()
    voxels = voxels.unique(dim=0)
    spread = (voxels[:, 2:] - 400).float().norm(dim=1) + torch.rand(len(voxels)) * 60
    nearest = spread.argsort()[:num]
    return voxels[nearest[torch.randperm(len(nearest))]]
