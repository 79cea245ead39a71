"""Distances of pairs against their equations in loops, and their edge cases."""

import math
from typing import Any

import pytest
import torch

from perception_kd.models.losses import CosineDistanceLoss, PairWeights, cosine_distance
from perception_kd.registry import MODELS
from tests.models.losses.test_info_nce_loss import make_pairs


def distance_in_loops(query: list[float], key: list[float], form: str, center: bool) -> float:
    if center:
        query, key = ([x - sum(row) / len(row) for x in row] for row in (query, key))
    query, key = ([x / math.hypot(*row) for x in row] for row in (query, key))
    if form == "norm":
        return math.hypot(*(a - b for a, b in zip(query, key, strict=True)))
    return 1 - sum(a * b for a, b in zip(query, key, strict=True))


@pytest.mark.parametrize("form", ["cosine", "norm"])
@pytest.mark.parametrize("center", [False, True])
def test_equals_the_equation_in_loops(form: str, center: bool) -> None:
    query, key = make_pairs()
    rows = zip(query.tolist(), key.tolist(), strict=True)
    terms = [distance_in_loops(q, k, form, center) for q, k in rows]
    loss = cosine_distance(query, key, form=form, center=center)
    assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)

    anchors = torch.tensor([0.0, 1, 2, 0, 1])
    expected = (terms[1] + 2 * terms[2] + terms[4]) / 4
    loss = cosine_distance(
        query, key, form=form, center=center, weights=PairWeights(anchors=anchors)
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_right_angles_and_opposites_by_hand() -> None:
    query, key = torch.tensor([[2.0, 0], [1, 0]]), torch.tensor([[0, 3.0], [-1, 0]])
    assert cosine_distance(query, key).item() == pytest.approx((1 + 2) / 2)
    norm = cosine_distance(query, key, form="norm")
    assert norm.item() == pytest.approx((math.sqrt(2) + 2) / 2)


@pytest.mark.parametrize("options", [{}, {"form": "norm"}, {"center": True}])
def test_distance_has_its_gradient(options: dict[str, Any]) -> None:
    query, key = (x.double().requires_grad_() for x in make_pairs(num_pairs=3, channels=4))
    assert torch.autograd.gradcheck(lambda q, k: cosine_distance(q, k, **options), (query, key))


@pytest.mark.parametrize("form", ["cosine", "norm"])
def test_gradient_is_finite_at_the_target(form: str) -> None:
    query = torch.eye(3).requires_grad_()
    loss = cosine_distance(query, torch.eye(3), form=form)
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("weights", [None, PairWeights(anchors=torch.zeros(0))])
def test_no_pairs_have_a_distance_of_zero(weights: PairWeights | None) -> None:
    query = torch.zeros(0, 8, requires_grad=True)
    loss = cosine_distance(query, query, weights=weights)
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None


def test_anchors_of_weight_zero_give_zero_with_a_gradient() -> None:
    query, key = make_pairs(num_pairs=1)
    query.requires_grad_()
    loss = cosine_distance(query, key, weights=PairWeights(anchors=torch.zeros(1)))
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None
    assert not query.grad.any()


def test_rejects_what_does_not_fit_a_distance() -> None:
    query, key = make_pairs()
    with pytest.raises(ValueError, match=r"key must have shape \(5, 8\), but got \(4, 8\)"):
        cosine_distance(query, key[:4])
    with pytest.raises(ValueError, match=r'form must be "cosine" or "norm", but got "l2"'):
        CosineDistanceLoss(form="l2")
    with pytest.raises(ValueError, match=r"weights.anchors must have shape \(5,\), but got \(4,\)"):
        cosine_distance(query, key, weights=PairWeights(anchors=torch.ones(4)))


def test_a_distance_is_built_from_a_config() -> None:
    query, key = make_pairs()
    options: dict[str, Any] = dict(form="norm", center=True)
    loss = MODELS.build(dict(type="CosineDistanceLoss", loss_weight=10.0, **options))
    torch.testing.assert_close(loss(query, key), 10 * cosine_distance(query, key, **options))
