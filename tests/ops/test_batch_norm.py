"""Batch norms of several ranks against torch's on the values of all of them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from perception_kd.ops.batch_norm import (
    SynchronizedBatchNorm,
    VoxelBatchNorm,
    synchronize_batch_norms,
)
from tests.ranks import run_ranks

# Values of each rank: their numbers differ, and there may be none.
SPLITS = [(6, 2), (8, 0), (0, 8), (7, 1)]
SHAPES = [(8, 3), (8, 3, 4), (8, 3, 2, 2)]
NORMS: dict[str, Any] = {
    "default": {},
    "no weights": dict(affine=False),
    "cumulative": dict(momentum=None),
}
CASES = [(split, shape, norm) for split in SPLITS for shape in SHAPES for norm in NORMS]


def make_norm(options: dict[str, Any], kind: type[Any] = nn.BatchNorm1d) -> Any:
    norm = kind(3, **options).double()
    if norm.affine:
        nn.init.uniform_(norm.weight, 0.5, 2, generator=torch.Generator().manual_seed(1))
        nn.init.uniform_(norm.bias, generator=torch.Generator().manual_seed(2))
    return norm


def make_values(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    values, slopes = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return 3 * values + 5, slopes


def normalize(norm: Any, values: Tensor, slopes: Tensor) -> dict[str, Tensor]:
    """Return output, statistics and gradients of two passes."""
    values = values.clone().requires_grad_()
    (norm(values) * slopes).sum().backward()
    output = norm(values)
    found = {"output": output, "values": values.grad, **norm.state_dict()}
    found |= {f"grad of {name}": parameter.grad for name, parameter in norm.named_parameters()}
    return {name: value.detach().clone() for name, value in found.items()}


def kind_of(shape: tuple[int, ...]) -> type[nn.Module]:
    return nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d


def normalize_on_rank(rank: int) -> dict[str, Any]:
    results = []
    for split, shape, norm in CASES:
        own = slice(0, split[0]) if rank == 0 else slice(split[0], None)
        parts = (part[own] for part in make_values(shape))
        network = nn.Sequential(make_norm(NORMS[norm], kind_of(shape)))
        results.append(normalize(synchronize_batch_norms(network)[0], *parts))
    return {"cases": results, **single_values(rank)}


def single_values(rank: int) -> dict[str, Any]:
    """Normalize one value on all ranks together; the second rank has none."""
    voxel: Any = synchronize_batch_norms(nn.Sequential(VoxelBatchNorm(3)))[0]
    output = voxel(torch.full((1 - rank, 3), 4.0))
    plain = synchronize_batch_norms(nn.Sequential(nn.BatchNorm1d(3)))[0]
    with pytest.raises(ValueError, match="more than one value per channel"):
        plain(torch.ones(1 - rank, 3))
    return {"voxel": output.detach(), "tracked": int(voxel.num_batches_tracked)}


@pytest.fixture(scope="module")
def of_ranks() -> list[dict[str, Any]]:
    return run_ranks(normalize_on_rank)


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize(("split", "shape", "norm"), CASES)
def test_ranks_normalize_by_the_values_of_all(
    split: tuple[int, int], shape: tuple[int, ...], norm: str, of_ranks: list[dict[str, Any]]
) -> None:
    expected = normalize(make_norm(NORMS[norm], kind_of(shape)), *make_values(shape))
    found = [rank["cases"][CASES.index((split, shape, norm))] for rank in of_ranks]
    for name, value in expected.items():
        if name in ("output", "values"):
            torch.testing.assert_close(torch.cat([f[name] for f in found]), value)
        elif name.startswith("grad"):
            torch.testing.assert_close(sum(f[name] for f in found), value)
        else:
            for rank in found:
                torch.testing.assert_close(rank[name], value)


@pytest.mark.slow
@pytest.mark.distributed
def test_one_voxel_on_all_ranks_is_normalized_by_the_past(of_ranks: list[dict[str, Any]]) -> None:
    torch.testing.assert_close(of_ranks[0]["voxel"], torch.full((1, 3), 4 / (1 + 1e-5) ** 0.5))
    assert of_ranks[1]["voxel"].shape == (0, 3)
    assert of_ranks[0]["tracked"] == of_ranks[1]["tracked"] == 0


def test_conversion_keeps_tensors_names_and_modes() -> None:
    parts = (nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Sequential(VoxelBatchNorm(3)))
    network: Any = nn.Sequential(*parts)
    network[1].eval()
    before = dict(network.named_parameters()) | dict(network.named_buffers())
    assert synchronize_batch_norms(network) is network
    after = dict(network.named_parameters()) | dict(network.named_buffers())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert isinstance(network[1], SynchronizedBatchNorm)
    assert not network[1].training
    assert network[2][0].training
    assert (network[1].accepts_single_value, network[2][0].accepts_single_value) == (False, True)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, VoxelBatchNorm])
@pytest.mark.parametrize("num_values", [1, 8])
def test_one_process_is_not_changed(kind: type[nn.BatchNorm1d], num_values: int) -> None:
    values = torch.randn(num_values, 3, generator=torch.Generator().manual_seed(0))
    plain, converted = kind(3), synchronize_batch_norms(nn.Sequential(kind(3)))[0]
    if num_values == 1 and kind is nn.BatchNorm1d:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            converted(values)
        return
    assert torch.equal(plain(values), converted(values))
    assert all(map(torch.equal, plain.state_dict().values(), converted.state_dict().values()))
