"""Layers of pillars against mmdet3d's."""

import copy
from typing import Any

import pytest
import torch
from mmdet3d.models.voxel_encoders.utils import PFNLayer
from torch import nn

from perception_kd.models.networks.pillar_layers import RowsPFNLayer, normalize_rows


def make_layers(**options: Any) -> tuple[Any, Any]:
    """Make a layer as mmdet3d has it, and the same as it is trained here."""
    torch.manual_seed(0)
    theirs = PFNLayer(5, 8, **options)
    encoder = nn.Module()
    encoder.pfn_layers = nn.ModuleList([copy.deepcopy(theirs)])
    normalize_rows(encoder)
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
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(inputs, num_voxels), theirs.eval()(inputs, num_voxels))


def test_a_layer_takes_no_pillars() -> None:
    _, ours = make_layers(last_layer=True)
    assert ours.eval()(torch.zeros(0, 6, 5)).shape == (0, 1, 8)


def test_other_encoders_are_left_alone() -> None:
    normalize_rows(None)
    normalize_rows(nn.Linear(1, 1))
