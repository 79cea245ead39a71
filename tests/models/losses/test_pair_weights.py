"""Weighted InfoNCE, and the weights themselves, against their equations in loops."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.losses import (
    InfoNCELoss,
    OtherPlaces,
    PairDescription,
    PairWeights,
    SemanticTolerance,
    balance_weights,
    info_nce,
    tolerance_weights,
)
from perception_kd.models.losses.semantic_tolerance import _row_quantile
from perception_kd.registry import MODELS
from tests.models.losses.test_info_nce_loss import make_pairs

NUM = 5


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def describe(num: int = NUM, **known: Any) -> PairDescription:
    zeros = torch.zeros(num, dtype=torch.long)
    whole = dict(
        teacher_feats=draw(num, 3) - 0.3, positions=draw(num, 3), samples=zeros, scenes=zeros
    )
    return PairDescription(**{**whole, **known})


def weighted_in_loops(
    query: Tensor, key: Tensor, candidates: Tensor, anchors: Tensor, excluded: str
) -> float:
    total = 0.0
    for i in range(len(query)):
        scores = []
        for j in range(len(key)):
            weight = 1.0 if i == j else float(candidates[i, j])
            logit = weight * float(query[i] @ key[j]) / 0.2
            is_out = weight == 0 and excluded == "minus_inf"
            scores.append(0.0 if is_out else math.exp(logit))
        total += float(anchors[i]) * -math.log(scores[i] / sum(scores))
    return total / float(anchors.sum())


@pytest.mark.parametrize("excluded", ["zero", "minus_inf"])
def test_weighted_contrast_equals_the_equation_in_loops(excluded: str) -> None:
    query, key = make_pairs(NUM)
    candidates = draw(NUM, NUM) * (draw(NUM, NUM, seed=2) > 0.4)
    anchors = draw(NUM, seed=3)
    assert (candidates == 0).any()
    loss = info_nce(query, key, 0.2, weights=PairWeights(candidates, anchors), excluded=excluded)
    expected = weighted_in_loops(query, key, candidates, anchors, excluded)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_weights_of_one_change_nothing() -> None:
    query, key = make_pairs(NUM)
    for weights in (PairWeights(), PairWeights(torch.ones(NUM, NUM), torch.ones(NUM))):
        torch.testing.assert_close(
            info_nce(query, key, 0.1, weights=weights), info_nce(query, key, 0.1)
        )


def test_a_pair_without_negatives_has_no_loss() -> None:
    query, key = make_pairs(NUM)
    query.requires_grad_()
    alone = PairWeights(torch.zeros(NUM, NUM))
    loss = info_nce(query, key, 0.1, weights=alone, excluded="minus_inf")
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("excluded", ["zero", "minus_inf"])
@pytest.mark.parametrize("num", [0, 1, 3])
def test_weighted_contrast_has_a_finite_gradient(num: int, excluded: str) -> None:
    query, key = make_pairs(num)
    query.requires_grad_()
    weights = SemanticTolerance(min_quantile=0.5)(describe(num))
    loss = info_nce(query, key, 0.07, weights=weights, excluded=excluded, symmetric=True)
    loss.backward()
    assert loss.isfinite()
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("min_quantile", [None, 0.01, 0.3])
def test_tolerance_equals_the_equation_in_loops(min_quantile: float | None) -> None:
    feats = F.normalize(draw(7, 4) - 0.5, dim=1)
    similarity = feats @ feats.T
    weights = tolerance_weights(similarity, min_quantile)
    for i in range(7):
        row = [min(max(1 - float(c), 0), 1) for c in similarity[i]]
        for j in range(7):
            expected = row[j]
            if min_quantile is not None:
                expected = float(row[j] >= np.quantile(row, min_quantile) - 1e-7)
            expected = 1.0 if i == j else expected
            assert weights[i, j].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.37, 1.0])
def test_quantiles_of_rows_are_those_of_numpy(share: float) -> None:
    values = draw(6, 9)
    expected = np.quantile(values.numpy(), share, axis=1, keepdims=True)
    np.testing.assert_allclose(_row_quantile(values, share).numpy(), expected, rtol=1e-5)


def test_balance_by_hand() -> None:
    # Two pairs alike at 0.8, one alone: v = 1.8, 1.8 and 1; 0.4 does not count.
    similarity = torch.tensor([[1, 0.8, 0.4], [0.8, 1, 0], [0.4, 0, 1]])
    torch.testing.assert_close(balance_weights(similarity, 0.5), torch.tensor([0.0, 0, 1]))
    # With it, v = 2.2, 1.8 and 1.4.
    torch.testing.assert_close(balance_weights(similarity, 0.3), torch.tensor([0.0, 0.5, 1]))


def test_a_similarity_at_the_limit_counts_in_the_balance() -> None:
    # v = 1.5, 1.5 and 1; without the pair at 0.5 all were 1, and so all weights.
    similarity = torch.tensor([[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]])
    expected = torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(balance_weights(similarity, 0.5), expected)


@pytest.mark.parametrize("num", [0, 1, 4])
def test_equal_pairs_weigh_the_same(num: int) -> None:
    assert balance_weights(torch.ones(num, num), 0.5).tolist() == [1.0] * num


def test_tolerance_takes_out_what_the_teacher_finds_alike() -> None:
    feats = torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1]])
    weights = SemanticTolerance(min_quantile=0.6, balanced=False)(describe(3, teacher_feats=feats))
    assert weights.candidates is not None
    assert weights.candidates.tolist() == [[1, 0, 1], [0, 1, 1], [1, 0, 1]]
    assert weights.anchors is None


def test_pairs_of_one_sample_are_no_negatives() -> None:
    samples, scenes = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 0, 1])
    known = describe(4, samples=samples, scenes=scenes)
    by_sample, by_scene = OtherPlaces()(known), OtherPlaces(per_scene=True)(known)
    assert by_sample.candidates is not None
    assert by_scene.candidates is not None
    assert by_sample.candidates.tolist() == [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert by_scene.candidates.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]


def test_far_pairs_of_one_sample_are_negatives() -> None:
    # 3-4-5: the second is exactly 5 m from the first; the third is of another sample.
    positions = torch.tensor([[50.0, 0, 0], [53, 4, 0], [50, 0, 0], [52, 0, 0]])
    known = describe(4, positions=positions, samples=torch.tensor([0, 0, 1, 0]))
    weights = OtherPlaces(min_distance=5)(known).candidates
    assert weights is not None
    assert weights[0].tolist() == [1, 1, 1, 0]


def test_nothing_is_a_negative_in_one_sample() -> None:
    query, key = make_pairs(NUM)
    loss = InfoNCELoss(excluded="minus_inf")(query, key, OtherPlaces()(describe()))
    assert loss.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SemanticTolerance, dict(tolerant=False, balanced=False), "tolerant or balanced must be"),
        (SemanticTolerance, dict(min_quantile=1.5), "min_quantile must be in 0..1, but got 1.5"),
        (SemanticTolerance, dict(min_similarity=2), "min_similarity must be in -1..1, but got 2"),
        (OtherPlaces, dict(min_distance=0), "min_distance must be positive, but got 0"),
        (OtherPlaces, dict(min_distance=5, per_scene=True), "must be None with per_scene=True"),
        (InfoNCELoss, dict(excluded="no"), 'excluded must be "zero" or "minus_inf", but got "no"'),
    ],
)
def test_rejects_settings_of_weights(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**options)


def test_weights_do_not_go_with_negatives_of_all_ranks() -> None:
    query, key = make_pairs(NUM)
    with pytest.raises(ValueError, match="weights must be None with gather_negatives=True"):
        info_nce(query, key, 0.1, gather_negatives=True, weights=PairWeights())
    with pytest.raises(ValueError, match=r"candidates must have shape \(5, 5\), but got \(4, 4\)"):
        info_nce(query, key, 0.1, weights=PairWeights(torch.ones(4, 4)))


def test_weightings_are_built_from_configs() -> None:
    for settings in (dict(type="SemanticTolerance"), dict(type="OtherPlaces", min_distance=2.0)):
        weights = MODELS.build(settings)(describe())
        assert weights.candidates.shape == (NUM, NUM)
