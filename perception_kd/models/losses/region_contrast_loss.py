"""Contrast of points by their regions: CALICO's losses in one function."""

import torch
from torch import Tensor, nn

from perception_kd.ops.ranks import (
    combine_shares,
    gather_rows,
    num_ranks,
    rows_of_rank,
    sum_over_ranks,
)
from perception_kd.registry import MODELS
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
) -> Tensor:
    """Contrast queries with the keys of all points, by their regions.

    Row i of ``query`` and row i of ``key`` are the same physical point, seen twice; r_i
    is its region. Points in no region are *semantic-less*: candidates, but no anchors.
    With s_ij = exp(q_i . k_j / t) and t the temperature:

        loss = - sum over anchors i of w_i mean over positives j of log( s_ij / Z_ij )

    - Positives of i: "region", all points with r_j = r_i, or "point", i itself.
    - Z_ij: the sum of s_ij and all other s_il, or, without ``same_region_negatives``,
      of s_ij and those with r_l != r_i.
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

    For PointInfoNCE of all points see :func:`singleton_regions`. The logits are float32
    or wider, also under autocast.

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
    _check_positives(positives)

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
    same_point = torch.zeros_like(same_region).scatter_(1, candidate_of[anchors, None], True)
    positive = same_region if positives == "region" else same_point
    negative = torch.ones_like(same_region) if same_region_negatives else ~same_region

    # Autocast would round the logits to half: 8 bits for what is divided by 0.1.
    with torch.autocast(query.device.type, enabled=False):
        logits = (query[anchors] / temperature) @ key[candidates].T
    per_anchor = _mean_of_positives(_log_normalizers(logits, negative) - logits, positive)
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


def singleton_regions(region_ids: Tensor, point_ids: Tensor) -> Tensor:
    """Make every semantic-less point a region of its own, and so an anchor.

    Args:
        region_ids: Region of each row, negative for semantic-less, integer, (M,).
        point_ids: Physical point of each row, from 0, integer, (M,).

    Returns:
        Region of each row, none negative, int64, shape (M,).
    """
    return torch.where(region_ids >= 0, region_ids.long(), point_ids + _first_free(region_ids))


def _check_positives(positives: str) -> None:
    if positives not in ("region", "point"):
        raise ValueError(f'positives must be "region" or "point", but got "{positives}".')


def _distinct_rows(point_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first row of each distinct point, (N,), and each row's point, (M,)."""
    distinct, which = point_ids.unique(return_inverse=True)
    rows = torch.arange(len(point_ids), device=point_ids.device)
    first = rows.new_full((len(distinct),), len(rows))
    return first.scatter_reduce_(0, which, rows, "amin"), which


def _log_normalizers(logits: Tensor, negative: Tensor) -> Tensor:
    """Return log Z_ij of each anchor i and point j, shape (A, N).

    Args:
        logits: Logarithms of s, shape (A, N).
        negative: Whether s_ij is in the sums Z_i of all other points, shape (A, N).
    """
    others = torch.logsumexp(logits.masked_fill(~negative, -torch.inf), dim=1, keepdim=True)
    # Where j is among the others its own s is in their sum already.
    return torch.where(negative, others, torch.logaddexp(logits, others))


def _mean_of_positives(terms: Tensor, positive: Tensor) -> Tensor:
    """Average terms (A, N) over the positives of each anchor, at least one, (A,)."""
    return torch.where(positive, terms, 0.0).sum(dim=1) / positive.sum(dim=1)


@MODELS.register_module()
class RegionContrastLoss(nn.Module):
    """Loss :func:`region_contrast` of a batch of scenes.

    Args:
        temperature: Divisor of the products, positive.
        positives: As in :func:`region_contrast`.
        same_region_negatives: As there.
        region_normalize: As there.
        semantic_less_anchors: Whether semantic-less points are anchors too, each as a
            region of its own.
        symmetric: Average with the loss in which keys are the anchors.
        scope: "scene": candidates are those of a point's own scene, and the loss is the
            mean over the scenes that have an anchor, in training over those of all
            ranks. "batch": candidates are those of all scenes of this process, and all
            anchors, or regions, have one weight.
        loss_weight: Factor on the result.
        gather_negatives: With scope "batch" in training, compute the loss of the scenes
            of all ranks together. In eval mode only those of the batch are compared.

    Raises:
        ValueError: If ``temperature`` is not positive, a choice is unknown, or
            ``gather_negatives`` is given with scope "scene".
    """

    def __init__(
        self,
        temperature: float = 0.1,
        positives: str = "region",
        same_region_negatives: bool = True,
        region_normalize: bool = False,
        semantic_less_anchors: bool = False,
        symmetric: bool = True,
        scope: str = "scene",
        loss_weight: float = 1.0,
        gather_negatives: bool = False,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, but got {temperature}.")
        _check_positives(positives)
        if scope not in ("scene", "batch"):
            raise ValueError(f'scope must be "scene" or "batch", but got "{scope}".')
        if gather_negatives and scope != "batch":
            raise ValueError(
                f'gather_negatives needs scope="batch", but got "{scope}": the candidates of a '
                "scene are all on one rank."
            )
        self.temperature = temperature
        self.positives = positives
        self.same_region_negatives = same_region_negatives
        self.region_normalize = region_normalize
        self.semantic_less_anchors = semantic_less_anchors
        self.symmetric = symmetric
        self.scope = scope
        self.loss_weight = loss_weight
        self.gather_negatives = gather_negatives

    def forward(
        self,
        query: list[Tensor],
        key: list[Tensor],
        region_ids: list[Tensor],
        point_ids: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the weighted loss of B scenes.

        Args:
            query: Features of the points of each scene, of unit length, each (M_b, C).
            key: Features of the same points, of unit length, each (M_b, C).
            region_ids: Regions of the same points, negative for none, each (M_b,); ids
                of different scenes are different regions.
            point_ids: Point of its scene of each row, from 0, each (M_b,). By
                default no two are the same.

        Returns:
            Scalar. Zero, still attached to the graph, where no scene has an anchor.
        """
        if point_ids is None:
            point_ids = [torch.arange(len(ids), device=ids.device) for ids in region_ids]
        if self.semantic_less_anchors:
            region_ids = [
                singleton_regions(*ids) for ids in zip(region_ids, point_ids, strict=True)
            ]
        if self.scope == "batch":
            contrast = self._contrast_ranks if self._gathers else self._contrast
            ids = [torch.cat(make_ids_unique(each)) for each in (region_ids, point_ids)]
            return self.loss_weight * contrast(torch.cat(query), torch.cat(key), ids[0], ids[1])
        scenes = zip(query, key, region_ids, point_ids, strict=True)
        losses = torch.stack([self._contrast(*scene) for scene in scenes])
        num_scenes = sum(bool((ids >= 0).any()) for ids in region_ids)
        if self.training and num_ranks() > 1:
            num_scenes = int(sum_over_ranks(num_scenes, losses.device))
            return combine_shares(self.loss_weight * losses.sum() / max(num_scenes, 1))
        return self.loss_weight * losses.sum() / max(num_scenes, 1)

    @property
    def _gathers(self) -> bool:
        return self.gather_negatives and self.training

    def _contrast_ranks(
        self, query: Tensor, key: Tensor, region_ids: Tensor, point_ids: Tensor
    ) -> Tensor:
        """Contrast this rank's anchors with the points of all ranks."""
        pairs, lengths = gather_rows(torch.stack((query, key), dim=1))
        regions, points = (
            torch.cat(make_ids_unique(list(gather_rows(ids)[0].split(lengths))))
            for ids in (region_ids, point_ids)
        )
        rows = rows_of_rank(lengths)
        return combine_shares(self._contrast(pairs[:, 0], pairs[:, 1], regions, points, rows))

    def _contrast(
        self,
        query: Tensor,
        key: Tensor,
        region_ids: Tensor,
        point_ids: Tensor,
        anchor_rows: slice = slice(None),
    ) -> Tensor:
        sides = [(query, key), (key, query)] if self.symmetric else [(query, key)]
        losses = [
            region_contrast(
                *side,
                region_ids,
                self.temperature,
                point_ids=point_ids,
                positives=self.positives,
                same_region_negatives=self.same_region_negatives,
                region_normalize=self.region_normalize,
                anchor_rows=anchor_rows,
            )
            for side in sides
        ]
        return torch.stack(losses).mean()


def make_ids_unique(ids: list[Tensor]) -> list[Tensor]:
    """Shift the ids of each scene behind those of the scenes before it.

    Args:
        ids: Regions or points, from 0 in each scene, negative for none, integer, each
            (M_b,).

    Returns:
        Ids unique over the scenes, -1 for none, int64, each (M_b,).
    """
    unique, offset = [], 0
    for of_scene in ids:
        unique.append(torch.where(of_scene >= 0, of_scene.long() + offset, -1))
        offset += _first_free(of_scene)
    return unique


def _first_free(ids: Tensor) -> int:
    """Return the least id from 0 on that is larger than all of (M,)."""
    return int(ids.amax().clamp(min=-1)) + 1 if len(ids) else 0
