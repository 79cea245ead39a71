"""Contrast of points by their regions: CALICO's losses in one function."""

import math

import torch
from torch import Tensor

from perception_kd.utils.checks import check_shape


def region_contrast(
    query: Tensor,
    key: Tensor,
    region_ids: Tensor,
    temperature: float,
    *,
    point_ids: Tensor | None = None,
    positives: str = "region",
    same_region_negatives: bool = True,
    region_normalize: bool = False,
    anchor_rows: slice = slice(None),
    ranges: Tensor | None = None,
    max_range_gap: float = math.inf,
) -> Tensor:
    """Contrast queries with the keys of all points, by their regions.

    Row i of ``query`` and row i of ``key`` are the same physical point, seen twice; r_i
    is its region. Points in no region are *semantic-less*: candidates, but no anchors.
    With s_ij = exp(q_i . k_j / t) and t the temperature:

        loss = - sum over anchors i of w_i mean over positives j of log( s_ij / Z_ij )

    - Positives of i: "region", all points with r_j = r_i, or "point", i itself.
    - Z_ij: the sum of s_ij and all other s_il, or, without ``same_region_negatives``,
      of s_ij and those with r_l != r_i. With ``ranges`` g, those s_il with abs(g_i -
      g_l) > max_range_gap are left out of Z_ij, so that distance from the sensor
      does not distinguish an anchor from its negatives.
    - w_i: 1 / A, where A is the number of anchors, or, with ``region_normalize``, 1 /
      (R A_i), where A_i is the number of anchors in the region of i and R that of
      regions that have anchors. Either way weights sum to 1.

    Anchors i are rows; j and l are the N distinct points among the M rows. A point that
    was drawn twice is two anchors but one candidate, and so never a negative of itself.

    The losses of CALICO [1] are cases of it, as far as it is public; what it leaves
    open is an argument:

    ================  =========  =====================  ================
    loss              positives  same_region_negatives  region_normalize
    ================  =========  =====================  ================
    PLRC, Eq. 1       "region"   True                   False
    RAPC              "point"    False                  True
    RAD, Eq. 3        "point"    False                  True
    PointInfoNCE [2]  "point"    True                   False
    ================  =========  =====================  ================

    For PointInfoNCE of all points make each a region of its own first, by
    :func:`~.region_ids.singleton_regions`. The logits are float32 or wider, also under
    autocast.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349
    - [2] PointContrast: Unsupervised Pre-training for 3D Point Cloud Understanding,
      2020, https://arxiv.org/abs/2007.10985

    Args:
        query: Features of M points, of unit length, shape (M, C).
        key: Features of the same points, of unit length, shape (M, C).
        region_ids: Region of each point, negative for semantic-less, integer, (M,).
        temperature: Divisor of the products, positive.
        point_ids: Physical point of each row, integer, (M,); rows of the same one
            have the same features and region. By default no two are the same.
        positives: "region" or "point".
        same_region_negatives: Whether the other points of a region compete.
        region_normalize: Whether all regions have the same weight, or all points.
        anchor_rows: Rows whose terms are added up, all by default. The others have the
            same weights as with all: sums over disjoint rows add up to the loss.
        ranges: Distance of each point from the sensor in m, (M,).
        max_range_gap: Largest difference of the ranges of an anchor and a negative, m.

    Returns:
        Scalar. Zero, still attached to the graph, when there is no anchor.

    Raises:
        ValueError: If shapes do not fit, or ``positives`` is unknown.
    """
    check_shape("query", query, ("M", "C"))
    check_shape("key", key, tuple(query.shape))
    check_shape("region_ids", region_ids, (len(query),))
    if point_ids is None:
        point_ids = torch.arange(len(query), device=query.device)
    check_shape("point_ids", point_ids, (len(query),))
    check_positives(positives)

    weights = anchor_weights(region_ids, region_normalize)
    in_share = torch.zeros_like(weights, dtype=torch.bool)
    in_share[anchor_rows] = True
    anchors = ((weights > 0) & in_share).nonzero().squeeze(1)
    wide = torch.promote_types(torch.promote_types(query.dtype, key.dtype), torch.float32)
    query, key = query.to(wide), key.to(wide)
    if len(anchors) == 0:
        return (query.sum() + key.sum()) * 0.0

    candidates, candidate_of = _distinct_rows(point_ids)
    same_region = region_ids[anchors, None] == region_ids[candidates]
    negative = None if same_region_negatives else ~same_region
    if ranges is not None:
        check_shape("ranges", ranges, (len(query),))
        near = (ranges[anchors, None] - ranges[candidates]).abs() <= max_range_gap
        negative = near if negative is None else negative & near

    # Autocast would round the logits to half: 8 bits for what is divided by 0.1.
    with torch.autocast(query.device.type, enabled=False):
        logits = (query[anchors] / temperature) @ key[candidates].T
    others = _log_sums(logits, negative)
    if positives == "region":
        per_anchor = _mean_of_positives(_minus_log(logits, others, negative), same_region)
    else:
        own = candidate_of[anchors, None]  # the only positive: no other term is needed
        negative = None if negative is None else negative.gather(1, own)
        per_anchor = _minus_log(logits.gather(1, own), others, negative).squeeze(1)
    return (weights[anchors].to(wide) * per_anchor).sum()


def anchor_weights(region_ids: Tensor, region_normalize: bool) -> Tensor:
    """Return the weight of each row in :func:`region_contrast`.

    Args:
        region_ids: Region of each row, negative for semantic-less, integer, (M,).
        region_normalize: Whether all regions have the same weight, or all rows.

    Returns:
        Non-negative, float64, shape (M,). The sum is 1, or 0 without any anchor.
    """
    is_anchor = region_ids >= 0
    if region_normalize:
        regions, region, size = region_ids.unique(return_inverse=True, return_counts=True)
        num_regions = (regions >= 0).sum().clamp(min=1)
        return is_anchor.double() / size[region] / num_regions
    return is_anchor.double() / is_anchor.sum().clamp(min=1)


def check_positives(positives: str) -> None:
    """Check a choice of positives.

    Raises:
        ValueError: If it is unknown.
    """
    if positives not in ("region", "point"):
        raise ValueError(f'positives must be "region" or "point", but got "{positives}".')


def _distinct_rows(point_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first row of each distinct point, (N,), and each row's point, (M,)."""
    distinct, which = point_ids.unique(return_inverse=True)
    rows = torch.arange(len(point_ids), device=point_ids.device)
    first = rows.new_full((len(distinct),), len(rows))
    return first.scatter_reduce_(0, which, rows, "amin"), which


def _log_sums(logits: Tensor, negative: Tensor | None) -> Tensor:
    """Return the logarithm of the sum Z_i of s_ij over all negatives, shape (A, 1).

    Args:
        logits: Logarithms of s, shape (A, N).
        negative: Whether s_ij is in the sum, shape (A, N); None for all.
    """
    if negative is not None:
        logits = logits.masked_fill(~negative, -torch.inf)
    return torch.logsumexp(logits, dim=1, keepdim=True)


def _minus_log(logits: Tensor, others: Tensor, negative: Tensor | None) -> Tensor:
    """Return - log(s_ij / Z_ij) of each anchor i and some points j, (A, N) or (A, 1).

    Args:
        logits: Logarithms of s of these points, shape (A, N) or (A, 1).
        others: Logarithms of the sums Z_i, shape (A, 1).
        negative: Whether s_ij is in Z_i already, of that shape; None if all are.
    """
    if negative is None:
        return others - logits
    return torch.where(negative, others, torch.logaddexp(logits, others)) - logits


def _mean_of_positives(terms: Tensor, positive: Tensor) -> Tensor:
    """Average terms (A, N) over the positives of each anchor, at least one, (A,)."""
    return torch.where(positive, terms, 0.0).sum(dim=1) / positive.sum(dim=1)
