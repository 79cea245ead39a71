"""Sparse convolution on a CPU, compared with spconv at the layer sizes of a MinkUNet.

Forward passes only: the backward pass of spconv raises on a CPU. With two threads its
forward pass is sometimes wrong, which shows as a ``max_abs_diff`` above 1e-3.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare

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
    """Compare the forward passes of layers with 30 000 voxels.

    Args:
        settings: Repeats and device, which has to be a CPU.

    Yields:
        One row per layer, then one for all layers: summed times, largest memory.

    Raises:
        ValueError: If the device is not a CPU.
    """
    if torch.device(settings.device).type != "cpu":
        raise ValueError(f"This benchmark runs on the CPU only; got device={settings.device}.")
    torch.manual_seed(0)
    voxels = make_street_voxels(NUM_VOXELS)
    rows = []
    for layer in LAYERS:
        rows.append(compare(make_case(voxels, *layer), settings))
        yield rows[-1]
    ours_s, reference_s = (sum(row[key] for row in rows) for key in ("ours_s", "reference_s"))
    largest = {
        key: None if rows[0][key] is None else max(row[key] for row in rows)
        for key in ("ours_mb", "reference_mb", "max_abs_diff")
    }
    yield {
        "name": "sparse_conv/all",
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

    from perception_kd.ops.sparse.cpu_kernels import indice_conv

    subm = stride == 1
    coarse, pairs, num_pairs = ops.get_indice_pairs(
        voxels, 1, GRID, ops.ConvAlgo.Native, [kernel] * 3, [stride] * 3, [0] * 3, [1] * 3, [0] * 3,
        subm,
    )  # fmt: skip
    num_in, num_out = (len(coarse), len(voxels)) if inverse else (len(voxels), len(coarse))
    filters = torch.randn(out_channels, *[kernel] * 3, in_channels) / math.sqrt(in_channels)
    arguments = (torch.randn(num_in, in_channels), filters, pairs, num_pairs, num_out)
    kind = "subm" if subm else "inverse" if inverse else "strided"
    spconv_conv = ops.indice_conv.__wrapped__
    return Case(
        name=f"sparse_conv/{kind}{kernel}-{in_channels}-{out_channels}",
        reference="forward pass of spconv",
        ours=lambda: [indice_conv(*arguments, inverse, subm)],
        theirs=lambda: [spconv_conv(*arguments, inverse, subm)],
    )


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
