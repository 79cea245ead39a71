"""Check of sparse convolution on a device, against the dense one of torch."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.precision import allow_tf32
from perception_kd.ops.sparse.backend import provide_sparse_convolution

_SHAPE = (9, 10, 11)
_TOLERANCE = 1e-3


def check_sparse_layer(device: torch.device) -> Iterator[Finding]:
    """Yield the finding on a sparse convolution, forward and backward, on a device.

    Args:
        device: Where to compute.
    """
    where = f"sparse convolution on {device}"
    remedy = "install the build of spconv for this CUDA, such as spconv-cu126, then run this again"
    try:
        deviation = measure_deviation(device)
    except Exception as error:
        what = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        yield Finding(Level.ERROR, "device", what, where, remedy)
        return
    if deviation <= _TOLERANCE:
        backend = provide_sparse_convolution()
        what = (
            f"By {backend.name} ({backend.reason}), equal to a dense convolution, forward and "
            f"backward, to {deviation:.0e}."
        )
        yield Finding(Level.OK, "device", what, where)
    else:
        what = f"It differs from a dense convolution by {deviation:.1e}."
        yield Finding(Level.ERROR, "device", what, where, remedy)


@allow_tf32(False)
def measure_deviation(device: torch.device) -> float:
    """Return the largest difference of sparse and dense convolution, relative.

    A submanifold convolution and one of stride 2 are compared: outputs at all active
    voxels, and gradients of features and weights.

    Args:
        device: Where to compute the sparse one; the dense one is computed on a CPU.
    """
    provide_sparse_convolution()
    from spconv.pytorch import SparseConv3d, SparseConvTensor, SubMConv3d

    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(1, 4, *_SHAPE, generator=generator)
    dense *= torch.rand(_SHAPE, generator=generator) < 0.3
    voxels = dense[0].abs().amax(dim=0).nonzero()
    coors = F.pad(voxels, (1, 0)).int().to(device)
    worst = 0.0
    for layer, stride in (
        (SubMConv3d(4, 8, 3, bias=False), 1),
        (SparseConv3d(4, 8, 3, stride=2, padding=1, bias=False), 2),
    ):
        layer = layer.to(device)
        feats = _read(dense, voxels).to(device).requires_grad_()
        output = layer(SparseConvTensor(feats, coors, list(_SHAPE), 1))
        at = output.indices[:, 1:].long().cpu()
        factor = torch.randn(output.features.shape, generator=generator)
        (output.features * factor.to(device)).sum().backward()
        sparse = [output.features, feats.grad, layer.weight.grad]

        source = dense.clone().requires_grad_()
        weight = layer.weight.detach().cpu().permute(0, 4, 1, 2, 3).requires_grad_()
        expected = _read(F.conv3d(source, weight, stride=stride, padding=1), at)
        (expected * factor).sum().backward()
        assert source.grad is not None
        assert weight.grad is not None
        wanted = [expected, _read(source.grad, voxels), weight.grad.permute(0, 2, 3, 4, 1)]
        worst = max(worst, *map(_largest_deviation, sparse, wanted))
    return worst


def _read(grid: Tensor, voxels: Tensor) -> Tensor:
    """Read a grid (1, C, Z, Y, X) at voxels (K, 3), (K, C)."""
    z, y, x = voxels.unbind(dim=1)
    return grid[0, :, z, y, x].T


def _largest_deviation(found: Tensor, expected: Tensor) -> float:
    difference = (found.detach().cpu().float() - expected.detach()).abs().max()
    return float(difference / expected.detach().abs().max())
