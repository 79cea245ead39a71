"""The projector against its layers by hand."""

import pytest
import torch

from perception_kd.models.heads import FeatureProjector
from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.registry import MODELS


def test_is_linear_relu_linear_scaled_to_unit_length() -> None:
    projector = FeatureProjector(3, (8,), 4)
    feats = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    weights = projector.state_dict()
    assert [tuple(w.shape) for w in weights.values()] == [(8, 3), (8,), (4, 8), (4,)]
    first_w, first_b, last_w, last_b = weights.values()
    expected = (feats @ first_w.T + first_b).clamp(min=0) @ last_w.T + last_b
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(projector(feats), expected)


def test_a_batch_norm_takes_the_place_of_the_first_bias() -> None:
    projector = FeatureProjector(3, (8, 8), 4, batch_norm=True)
    kinds = [type(layer).__name__ for layer in projector.layers]
    assert kinds == [*["Linear", "BatchNorm1d", "ReLU"] * 2, "Linear"]
    assert [projector.layers[i].bias is None for i in (0, 3, 6)] == [True, True, False]
    shifted = torch.randn(6, 3) + 10
    mean = projector.layers[1](projector.layers[0](shifted)).mean(dim=0)
    torch.testing.assert_close(mean, torch.zeros(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_no_points_give_a_gradient_and_leave_the_statistics(batch_norm: bool) -> None:
    projector = FeatureProjector(3, batch_norm=batch_norm)
    projector(torch.zeros(0, 3)).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in projector.parameters())
    assert all(value.isfinite().all() for value in projector.state_dict().values())


def test_rejects_other_channels_and_builds_from_a_config() -> None:
    projector = MODELS.build(dict(type="FeatureProjector", in_channels=384))
    assert projector(torch.ones(2, 384)).shape == (2, 64)
    with pytest.raises(ValueError, match=r"feats must have shape \(M, 384\)"):
        projector(torch.ones(2, 383))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_do_not_become_zero(bad: float) -> None:
    feats = torch.eye(3)
    feats[1, 0] = bad
    assert unit_length(feats).isnan().any(dim=1).tolist() == [False, True, False]


def test_zero_vectors_stay_zero_with_a_finite_gradient() -> None:
    feats = torch.zeros(2, 3, requires_grad=True)
    unit_length(feats).sum().backward()
    assert feats.grad is not None
    assert not feats.grad.any()
