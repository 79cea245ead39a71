"""CALICO's losses against their equations in loops, and where they meet InfoNCE."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.losses import (
    RegionContrastLoss,
    anchor_weights,
    info_nce,
    make_ids_unique,
    region_contrast,
    singleton_regions,
)
from perception_kd.registry import MODELS

PLRC: dict[str, Any] = dict(positives="region", same_region_negatives=True, region_normalize=False)
RAPC: dict[str, Any] = dict(positives="point", same_region_negatives=False, region_normalize=True)
POINT_INFO_NCE: dict[str, Any] = dict(
    positives="point", same_region_negatives=True, region_normalize=False
)
# Three regions of different size, and semantic-less points.
IDS = torch.tensor([4, -1, 0, 4, 0, 2, -1, 4, 2, -2])
# The same where points were drawn several times: in a region and in none.
DRAWN = torch.tensor([3, 1, 2, 3, 4, 5, 1, 7, 5, 9])


def make_features(num_points: int = len(IDS), seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randn(2, num_points, 5, generator=generator, dtype=torch.double)
    return F.normalize(query, dim=1), F.normalize(key, dim=1)


def in_loops(
    query: Tensor, key: Tensor, ids: list[int], t: float, points: list[int], **switches: Any
) -> float:
    """Return the loss of one direction term by term, as the equations write it."""
    region = dict(zip(points, ids, strict=True))

    def s(i: int, point: int) -> float:
        return math.exp(float(query[i] @ key[points.index(point)]) / t)

    anchors = [i for i in range(len(ids)) if ids[i] >= 0]
    regions = {ids[i] for i in anchors}
    total = 0.0
    for i in anchors:
        in_region = sum(ids[j] == ids[i] for j in anchors)
        weight = 1 / len(anchors)
        if switches["region_normalize"]:
            weight = 1 / len(regions) / in_region
        if switches["positives"] == "region":
            positives = [j for j in region if region[j] == ids[i]]
        else:
            positives = [points[i]]
        for j in positives:
            z = s(i, j)
            for k in region:
                if k != j and (switches["same_region_negatives"] or region[k] != ids[i]):
                    z += s(i, k)
            total -= weight / len(positives) * math.log(s(i, j) / z)
    return total


SWITCHES = [
    dict(
        positives=positives,
        same_region_negatives=same,
        region_normalize=normalize,
    )
    for positives, same, normalize in itertools.product(
        ("region", "point"), (True, False), (True, False)
    )
]


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("drawn", [range(len(IDS)), DRAWN.tolist()], ids=["once", "again"])
def test_equals_the_equation_in_loops(switches: dict[str, Any], drawn: Sequence[int]) -> None:
    points = torch.tensor(drawn)
    query, key = (feats[points] for feats in make_features())
    ids = IDS[points]
    expected = in_loops(query, key, ids.tolist(), 0.1, points.tolist(), **switches)
    found = region_contrast(query, key, ids, 0.1, point_ids=points, **switches)
    assert found.item() == pytest.approx(expected, rel=1e-10)
    if len(points.unique()) == len(points):
        assert found == region_contrast(query, key, ids, 0.1, **switches)


@pytest.mark.parametrize("loss", [PLRC, RAPC, POINT_INFO_NCE], ids=["PLRC", "RAPC", "InfoNCE"])
def test_drawing_every_point_twice_changes_nothing(loss: dict[str, Any]) -> None:
    query, key = make_features()
    once = RegionContrastLoss(**loss)([query], [key], [IDS])
    rows = torch.arange(len(IDS)).repeat(2)
    twice = RegionContrastLoss(**loss)([query[rows]], [key[rows]], [IDS[rows]], [rows])
    torch.testing.assert_close(twice, once)


@pytest.mark.parametrize("positives", ["point", "region"])
def test_a_point_is_no_negative_of_itself_whatever_the_switches(positives: str) -> None:
    feats = F.normalize(torch.ones(6, 3), dim=1)
    for same, normalize in itertools.product((True, False), (True, False)):
        found = region_contrast(
            feats,
            feats,
            torch.zeros(6).long(),
            0.1,
            point_ids=torch.full((6,), 8),
            positives=positives,
            same_region_negatives=same,
            region_normalize=normalize,
        )
        assert found.item() == pytest.approx(0, abs=1e-6)


def test_two_regions_of_identical_points_have_a_closed_form() -> None:
    # Keys of the own region have product 1, the two semantic-less and the two of the
    # other region 0: each term of PLRC is log( (2 e + 4) / e ) at temperature 1; RAPC
    # lets only the own of the two compete: log( (e + 4) / e ).
    feats = torch.eye(4)[[0, 0, 1, 1, 2, 3]]
    ids = torch.tensor([7, 7, 5, 5, -1, -1])
    plrc, rapc = (region_contrast(feats, feats, ids, 1.0, **loss) for loss in (PLRC, RAPC))
    assert plrc.item() == pytest.approx(math.log((2 * math.e + 4) / math.e))
    assert rapc.item() == pytest.approx(math.log((math.e + 4) / math.e))


@pytest.mark.parametrize("symmetric", [False, True])
def test_one_point_per_region_gives_point_info_nce(symmetric: bool) -> None:
    query, key = make_features()
    expected = info_nce(query, key, 0.1, symmetric=symmetric)
    for loss in (PLRC, RAPC, POINT_INFO_NCE):
        contrast = RegionContrastLoss(0.1, symmetric=symmetric, **loss)
        found = contrast([query], [key], [torch.arange(len(IDS))])
        torch.testing.assert_close(found, expected)


def test_point_info_nce_of_all_points_whatever_their_regions() -> None:
    query, key = make_features()
    loss = RegionContrastLoss(0.1, symmetric=False, semantic_less_anchors=True, **POINT_INFO_NCE)
    torch.testing.assert_close(loss([query], [key], [IDS]), info_nce(query, key, 0.1))
    # Drawn with replacement: the mean over draws, each of which picks among points.
    first = [DRAWN.tolist().index(point) for point in DRAWN.unique()]
    query, key = query[DRAWN], key[DRAWN]
    own = (DRAWN[:, None] == DRAWN[first]).nonzero()[:, 1]
    expected = F.cross_entropy(query @ key[first].T / 0.1, own)
    found = loss([query], [key], [IDS[DRAWN]], [DRAWN])
    torch.testing.assert_close(found, expected)


def test_semantic_less_points_become_regions_of_their_own() -> None:
    points = torch.tensor([7, 0, 3, 0, 7, 1])
    ids = singleton_regions(torch.tensor([2, -1, 0, -1, 2, -2]), points)
    assert ids.tolist() == [2, 3, 0, 3, 2, 4]
    assert singleton_regions(torch.tensor([-1, -1]), torch.tensor([5, 0])).tolist() == [5, 0]


def test_one_region_makes_the_region_weights_a_plain_mean() -> None:
    query, key = make_features()
    ids = torch.where(IDS >= 0, 3, -1)
    normalized, plain = (
        region_contrast(
            query,
            key,
            ids,
            0.1,
            positives="point",
            same_region_negatives=False,
            region_normalize=normalize,
        )
        for normalize in (True, False)
    )
    torch.testing.assert_close(normalized, plain)


@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_weights_sum_to_one_and_each_region_has_an_equal_share(normalize: bool, less: bool) -> None:
    ids = singleton_regions(IDS, torch.arange(len(IDS))) if less else IDS
    weights = anchor_weights(ids, normalize)
    assert weights.sum().item() == pytest.approx(1)
    assert (weights[IDS < 0] > 0).tolist() == [less] * 3
    shares = [weights[region == IDS].sum().item() for region in (0, 2, 4)]
    regions = 6 if less else 3
    anchors = 10 if less else 7
    expected = [1 / regions] * 3 if normalize else [n / anchors for n in (2, 2, 3)]
    assert shares == pytest.approx(expected)


def test_the_loss_ignores_the_order_of_points_and_region_ids() -> None:
    query, key = make_features()
    order = torch.randperm(len(IDS), generator=torch.Generator().manual_seed(1))
    renamed = torch.where(IDS >= 0, 90 - IDS, -1)
    for loss in (PLRC, RAPC):
        torch.testing.assert_close(
            region_contrast(query[order], key[order], renamed[order], 0.1, **loss),
            region_contrast(query, key, IDS, 0.1, **loss),
        )


def test_convention_queries_choose_among_keys() -> None:
    # Both queries resemble key 0: choosing among keys fails for query 1, choosing among
    # queries would be a tie for both keys.
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    key = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    ids = torch.tensor([0, 1])
    tie = math.log(2)
    assert region_contrast(key, query, ids, 0.1, **PLRC).item() == pytest.approx(tie)
    assert region_contrast(query, key, ids, 0.1, **PLRC).item() > tie


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: "-".join(map(str, s.values())))
def test_gradient(switches: dict[str, Any]) -> None:
    query, key = (feats.requires_grad_() for feats in make_features(4))
    ids = torch.tensor([0, 0, 1, -1])
    assert torch.autograd.gradcheck(
        lambda q, k: region_contrast(q, k, ids, 0.5, **switches), (query, key)
    )


@pytest.mark.parametrize("loss", [PLRC, RAPC], ids=["PLRC", "RAPC"])
@pytest.mark.parametrize("ids", [[], [-1, -1, -2]], ids=["no point", "no region"])
def test_without_anchors_the_loss_is_zero_with_a_gradient(
    loss: dict[str, Any], ids: list[int]
) -> None:
    query = torch.ones(len(ids), 4, requires_grad=True)
    found = region_contrast(query, query, torch.tensor(ids).long(), 0.1, **loss)
    found.backward()
    assert found.item() == 0
    assert query.grad is not None
    assert not query.grad.any()


@pytest.mark.parametrize("loss", [PLRC, RAPC], ids=["PLRC", "RAPC"])
def test_a_single_point_has_nothing_to_be_told_from(loss: dict[str, Any]) -> None:
    query, key = (feats.requires_grad_() for feats in make_features(1))
    found = region_contrast(query, key, torch.tensor([0]), 0.1, **loss)
    found.backward()
    assert found.item() == pytest.approx(0, abs=1e-12)
    assert query.grad is not None
    assert query.grad.isfinite().all()


def test_logits_stay_wide_under_autocast() -> None:
    query, key = (feats.float() for feats in make_features())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = region_contrast(query, key, IDS, 0.1, **PLRC)
    assert torch.equal(found, region_contrast(query, key, IDS, 0.1, **PLRC))


def test_features_of_half_precision_are_compared_in_single() -> None:
    query, key = (feats.half() for feats in make_features())
    for loss in (PLRC, RAPC):
        found = region_contrast(query, key, IDS, 0.1, **loss)
        assert torch.equal(found, region_contrast(query.float(), key.float(), IDS, 0.1, **loss))


def split(*sizes: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    query, key = make_features(sum(sizes))
    ids = (torch.arange(sum(sizes)) % 4) - 1
    return list(query.split(sizes)), list(key.split(sizes)), list(ids.split(sizes))


def test_scope_scene_averages_the_scenes_with_an_anchor() -> None:
    query, key, ids = split(8, 12, 5)
    ids[1] = torch.full((12,), -1)
    expected = [
        (region_contrast(q, k, r, 0.2, **PLRC) + region_contrast(k, q, r, 0.2, **PLRC)) / 2
        for q, k, r in zip(query[::2], key[::2], ids[::2], strict=True)
    ]
    found = RegionContrastLoss(0.2, **PLRC)(query, key, ids)
    torch.testing.assert_close(found, torch.stack(expected).mean())


def test_scope_batch_contrasts_scenes_and_keeps_regions_apart() -> None:
    query, key, ids = split(8, 12)
    renamed = torch.cat([ids[0], torch.where(ids[1] >= 0, ids[1] + 100, -1)])
    expected = region_contrast(torch.cat(query), torch.cat(key), renamed, 0.1, **RAPC)
    loss = RegionContrastLoss(0.1, symmetric=False, scope="batch", loss_weight=3.0, **RAPC)
    torch.testing.assert_close(loss(query, key, ids), 3 * expected)


def test_the_same_number_in_two_scenes_is_not_the_same_point() -> None:
    query, key, ids = split(8, 8)
    points = torch.arange(8)
    loss = RegionContrastLoss(scope="batch", semantic_less_anchors=True, **POINT_INFO_NCE)
    torch.testing.assert_close(loss(query, key, ids, [points, points]), loss(query, key, ids))


def test_ids_of_scenes_become_unique() -> None:
    ids = [torch.tensor([2, -1, 0]), torch.tensor([-1]), torch.zeros(0).long(), torch.tensor([0])]
    assert [u.tolist() for u in make_ids_unique(ids)] == [[2, -1, 0], [-1], [], [3]]


@pytest.mark.parametrize("scope", ["scene", "batch"])
@pytest.mark.parametrize("less", [False, True])
def test_batches_without_any_point_give_zero_with_a_gradient(scope: str, less: bool) -> None:
    feats = torch.zeros(0, 4, requires_grad=True)
    ids = torch.zeros(0).long()
    loss = RegionContrastLoss(scope=scope, semantic_less_anchors=less)([feats], [feats], [ids])
    loss.backward()
    assert loss.item() == 0
    assert feats.grad is not None


def test_rejects_what_does_not_fit() -> None:
    query, key = make_features()
    with pytest.raises(ValueError, match=r"key must have shape \(10, 5\)"):
        region_contrast(query, key[:4], IDS, 0.1)
    with pytest.raises(ValueError, match=r"region_ids must have shape \(10,\)"):
        region_contrast(query, key, IDS[:4], 0.1)
    with pytest.raises(ValueError, match=r"point_ids must have shape \(10,\)"):
        region_contrast(query, key, IDS, 0.1, point_ids=IDS[:4])
    with pytest.raises(ValueError, match='positives must be "region" or "point"'):
        region_contrast(query, key, IDS, 0.1, positives="pair")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(temperature=0), "temperature must be positive, but got 0"),
        (dict(positives="pair"), 'positives must be "region" or "point", but got "pair"'),
        (dict(scope="world"), 'scope must be "scene" or "batch", but got "world"'),
    ],
)
def test_rejects_unknown_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type="RegionContrastLoss", **settings))
