"""Layers of pillars against mmdet3d's, and their norm in double precision."""

import copy
from typing import Any

import pytest
import torch
from mmdet3d.models.voxel_encoders.utils import PFNLayer
from torch import Tensor, nn

from perception_kd.models.networks import pillar_layers
from perception_kd.models.networks.pillar_layers import RowsPFNLayer, normalize_rows, use_rows


def make_layers(**options: Any) -> tuple[Any, Any]:
    """Make a layer as mmdet3d has it, and the same as it is trained here."""
    torch.manual_seed(0)
    theirs = PFNLayer(5, 8, **options)
    encoder = nn.Module()
    encoder.pfn_layers = nn.ModuleList([copy.deepcopy(theirs)])
    use_rows(encoder)
    return theirs, encoder.pfn_layers[0]


@pytest.mark.parametrize(
    "options", [{"last_layer": True}, {"last_layer": False}, {"mode": "avg", "last_layer": True}]
)
def test_a_layer_equals_that_of_mmdet3d(options: dict[str, Any]) -> None:
    theirs, ours = make_layers(**options)
    assert type(ours) is RowsPFNLayer
    inputs = torch.randn(40, 6, 5) * 3 + 1
    num_voxels = torch.full((40,), 6)
    grads = []
    for layer in (theirs, ours):
        leaf = inputs.clone().requires_grad_()
        feats = layer(leaf, num_voxels)
        (feats * torch.linspace(0, 1, feats.numel()).view_as(feats)).sum().backward()
        grads.append([feats, leaf.grad, *(p.grad for p in layer.parameters())])
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(inputs, num_voxels), theirs.eval()(inputs, num_voxels))


def test_rows_are_used_in_trainings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ours = make_layers(last_layer=True)
    calls: list[int] = []

    def count(rows: Tensor, norm: nn.BatchNorm1d) -> Tensor:
        calls.append(len(rows))
        return normalize_rows(rows, norm)

    monkeypatch.setattr(pillar_layers, "normalize_rows", count)
    ours(torch.ones(2, 6, 5))
    ours.eval()(torch.ones(3, 6, 5))
    assert calls == [12]
    # A norm that ranks share has statistics of its own.
    ours.train().norm = nn.SyncBatchNorm(8).eval()
    ours(torch.ones(4, 6, 5))
    assert calls == [12]


def test_a_layer_takes_no_pillars() -> None:
    _, ours = make_layers(last_layer=True)
    assert ours.eval()(torch.zeros(0, 6, 5)).shape == (0, 1, 8)


def test_other_encoders_are_left_alone() -> None:
    use_rows(None)
    use_rows(nn.Linear(1, 1))


def run_norm(rows: Tensor, *, slots: int = 0) -> list[Tensor]:
    """Return the results of a norm, its gradients and its statistics.

    Args:
        rows: Shape (N, C).
        slots: Rows per pillar, for torch's norm in the layout of mmdet3d; 0 for ours.
    """
    norm = nn.BatchNorm1d(rows.shape[1], eps=1e-3, momentum=0.01)
    nn.init.constant_(norm.weight, 1.5)
    norm.to(rows.dtype)
    leaf = rows.clone().requires_grad_()
    if slots:
        pillars = leaf.view(-1, slots, rows.shape[1])
        normalized = norm(pillars.mT.contiguous()).mT.reshape(rows.shape)
    else:
        normalized = normalize_rows(leaf, norm)
    torch.manual_seed(2)
    (normalized * (torch.randn(rows.shape) + 1).to(rows.dtype)).sum().backward()
    assert leaf.grad is not None
    assert norm.weight.grad is not None
    assert norm.bias.grad is not None
    grads = [leaf.grad, norm.weight.grad, norm.bias.grad]
    return [normalized.detach(), *grads, *norm.buffers()]


def errors(results: list[Tensor], exact: list[Tensor]) -> Tensor:
    """Return the largest error of each result, in shares of its largest value."""
    pairs = zip(results, exact, strict=True)
    return torch.stack([(one - true).abs().max() / true.abs().max() for one, true in pairs])


def test_a_norm_of_rows_is_torchs_in_double_precision() -> None:
    torch.manual_seed(0)
    rows = torch.randn(8, 3, dtype=torch.float64) * 3 + 1
    assert errors(run_norm(rows), run_norm(rows, slots=2)).max() < 1e-12


def test_a_norm_of_rows_rounds_about_as_little_as_mmdet3ds() -> None:
    torch.manual_seed(0)
    rows = torch.randn(200_000, 8) + 1
    exact = run_norm(rows.double(), slots=20)
    ours, theirs = (errors(run_norm(rows, slots=slots), exact) for slots in (0, 20))
    assert (ours < 4 * theirs + 2e-7).all()
    # torch's norm of rows, which adds up one by one, is off by much more.
    assert (errors(run_norm(rows, slots=1), exact) > 10 * ours).sum() >= 4
