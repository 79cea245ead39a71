"""InfoNCE against hand-derived values, its equation, and its invariants."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.losses import InfoNCELoss, info_nce
from perception_kd.registry import MODELS


def make_pairs(num_pairs: int = 5, channels: int = 8) -> tuple[Tensor, Tensor]:
    """Draw rows shorter than 1 that differ in length, as means of unit vectors do."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, num_pairs, channels, generator=generator)
    lengths = torch.rand(2, num_pairs, 1, generator=generator)
    query, key = F.normalize(rows, dim=2) * lengths
    return query, key


@pytest.mark.parametrize("num_pairs", [1, 2, 8])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
@pytest.mark.parametrize("symmetric", [False, True])
def test_orthonormal_pairs_have_a_closed_form(
    num_pairs: int, temperature: float, symmetric: bool
) -> None:
    # q_i . k_j is 1 for i = j and 0 otherwise, so each term of the mean is
    # -log( e^(1/t) / (e^(1/t) + M - 1) ) = log( 1 + (M - 1) e^(-1/t) ).
    feats = torch.eye(num_pairs, 8)
    expected = math.log(1 + (num_pairs - 1) * math.exp(-1 / temperature))
    loss = info_nce(feats, feats, temperature, symmetric=symmetric)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_matches_the_equation_written_as_loops() -> None:
    query, key = make_pairs()
    terms = []
    for i, q in enumerate(query):
        scores = [math.exp(sum(a * b for a, b in zip(q, k, strict=True)) / 0.1) for k in key]
        terms.append(-math.log(scores[i] / sum(scores)))
    assert info_nce(query, key, 0.1).item() == pytest.approx(sum(terms) / 5, rel=1e-5)


def test_ignores_the_order_of_pairs() -> None:
    query, key = make_pairs()
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(info_nce(query[order], key[order], 0.1), info_nce(query, key, 0.1))


def test_only_the_ratio_to_the_temperature_matters() -> None:
    query, key = make_pairs()
    torch.testing.assert_close(info_nce(query, key, 0.1), info_nce(query, 2 * key, 0.2))


def test_convention_queries_choose_among_keys() -> None:
    # Both queries resemble key 0, so choosing among keys fails for query 1 only;
    # choosing among queries would be a tie for both keys.
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    key = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    tie = math.log(2)
    assert info_nce(key, query, 0.1).item() == pytest.approx(tie)
    assert info_nce(query, key, 0.1).item() > tie


def test_convention_means_of_unit_vectors_are_not_normalized() -> None:
    # Products of 1/4 and 0 and t = 1: log(1 + e^(-1/4)); of unit length log(1 + e^-1).
    feats = torch.eye(2) / 2
    loss, normalized = info_nce(feats, feats, 1.0), info_nce(feats, feats, 1.0, normalize=True)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-0.25)))
    assert normalized.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_symmetric_is_the_mean_of_both_directions() -> None:
    query, key = make_pairs()
    expected = (info_nce(query, key, 0.1) + info_nce(key, query, 0.1)) / 2
    torch.testing.assert_close(info_nce(query, key, 0.1, symmetric=True), expected)


@pytest.mark.parametrize(
    "options", [{}, {"symmetric": True}, {"normalize": True}, {"gather_negatives": True}]
)
def test_gradient(options: dict[str, Any]) -> None:
    query, key = (x.double().requires_grad_() for x in make_pairs(num_pairs=3, channels=4))
    assert torch.autograd.gradcheck(lambda q, k: info_nce(q, k, 0.5, **options), (query, key))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_features_get_float_logits(dtype: torch.dtype) -> None:
    # The logits are 64.25 for the pair and 64 for the other, the same in bfloat16.
    query = torch.full((2, 1), 8.0, dtype=dtype, requires_grad=True)
    key = torch.tensor([[8.03125], [8.0]])
    with torch.autocast("cpu", dtype):
        loss = info_nce(query, key, 1.0)
    loss.backward()
    expected = (math.log(1 + math.exp(-0.25)) + math.log(1 + math.exp(0.25))) / 2
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    assert query.grad is not None
    assert query.grad.dtype == dtype


def test_large_logits_stay_finite() -> None:
    feats = torch.eye(3) * 100
    query = feats.clone().requires_grad_()
    loss = info_nce(query, feats.roll(1, 0), 0.07)
    loss.backward()
    assert loss.item() == pytest.approx(1e4 / 0.07, rel=1e-5)
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("gather_negatives", [False, True])
def test_no_pairs_give_zero_with_a_gradient(gather_negatives: bool) -> None:
    query = torch.zeros(0, 8, requires_grad=True)
    loss = info_nce(query, query, 0.1, gather_negatives=gather_negatives)
    loss.backward()
    assert loss.item() == 0
    assert query.grad is not None


def test_rejects_pairs_of_different_shape() -> None:
    query, key = make_pairs()
    with pytest.raises(ValueError, match=r"key must have shape \(5, 8\), but got \(4, 8\)"):
        info_nce(query, key[:4], 0.1)
    with pytest.raises(ValueError, match=r"query must have shape \(M, C\), but got \(8,\)"):
        info_nce(query[0], key[0], 0.1)


def test_rejects_a_temperature_of_zero() -> None:
    with pytest.raises(ValueError, match=r"temperature must be positive, but got 0"):
        InfoNCELoss(temperature=0)


def test_is_built_from_a_config() -> None:
    query, key = make_pairs()
    options: dict[str, Any] = dict(temperature=0.2, symmetric=True, normalize=True)
    loss = MODELS.build(dict(type="InfoNCELoss", loss_weight=3.0, gather_negatives=True, **options))
    torch.testing.assert_close(loss(query, key), 3 * info_nce(query, key, **options))
