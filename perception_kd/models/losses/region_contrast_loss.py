"""CALICO's losses of a batch of scenes."""

import math

import torch
from torch import Tensor, nn

from perception_kd.models.losses.region_contrast import check_positives, region_contrast
from perception_kd.models.losses.region_ids import make_ids_unique, singleton_regions
from perception_kd.ops.ranks import (
    combine_shares,
    gather_rows,
    num_ranks,
    rows_of_rank,
    sum_over_ranks,
)
from perception_kd.registry import MODELS


@MODELS.register_module()
class RegionContrastLoss(nn.Module):
    """Loss :func:`region_contrast` of a batch of scenes.

    Args:
        temperature: Divisor of the products, positive.
        positives: "region", all points of an anchor's region, or "point", itself.
        same_region_negatives: Whether the other points of a region compete.
        region_normalize: Whether all regions have the same weight, or all points.
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
        max_range_gap: Only points whose range differs by at most this, in m, compete;
            None lets all. Not with ``gather_negatives``.

    Raises:
        ValueError: If ``temperature`` or ``max_range_gap`` is not positive, a choice is
            unknown, or ``gather_negatives`` is given with scope "scene" or with
            ``max_range_gap``.
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
        max_range_gap: float | None = None,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, but got {temperature}.")
        check_positives(positives)
        if scope not in ("scene", "batch"):
            raise ValueError(f'scope must be "scene" or "batch", but got "{scope}".')
        if gather_negatives and scope != "batch":
            raise ValueError(
                f'gather_negatives needs scope="batch", but got "{scope}": the candidates of a '
                "scene are all on one rank."
            )
        if max_range_gap is not None and (not max_range_gap > 0 or gather_negatives):
            raise ValueError(
                "max_range_gap must be positive and without gather_negatives, but got "
                f"{max_range_gap} and {gather_negatives}."
            )
        self.max_range_gap = max_range_gap
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
        ranges: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the weighted loss of B scenes.

        Args:
            query: Features of the points of each scene, of unit length, each (M_b, C).
            key: Features of the same points, of unit length, each (M_b, C).
            region_ids: Regions of the same points, negative for none, each (M_b,); ids
                of different scenes are different regions.
            point_ids: Point of its scene of each row, from 0, each (M_b,). By
                default no two are the same.
            ranges: Distance of the same points from the sensor in m, each (M_b,);
                needed with ``max_range_gap``, and else not used.

        Returns:
            Scalar. Zero, still attached to the graph, where no scene has an anchor.

        Raises:
            ValueError: If ``ranges`` are needed and not given.
        """
        if self.max_range_gap is None:
            ranges = None
        elif ranges is None:
            raise ValueError(
                "max_range_gap needs the ranges of points, which this method does not give; leave "
                "it out of the loss."
            )
        if point_ids is None:
            point_ids = [torch.arange(len(ids), device=ids.device) for ids in region_ids]
        if self.semantic_less_anchors:
            region_ids = [
                singleton_regions(*ids) for ids in zip(region_ids, point_ids, strict=True)
            ]
        if self.scope == "batch":
            contrast = self._contrast_ranks if self._gathers else self._contrast
            ids = [torch.cat(make_ids_unique(each)) for each in (region_ids, point_ids)]
            both = None if ranges is None else torch.cat(ranges)
            features = torch.cat(query), torch.cat(key)
            return self.loss_weight * contrast(*features, ids[0], ids[1], ranges=both)
        of_scenes: list[Tensor] | list[None] = ranges or [None] * len(query)
        scenes = zip(query, key, region_ids, point_ids, of_scenes, strict=True)
        losses = torch.stack([self._contrast(*scene[:4], ranges=scene[4]) for scene in scenes])
        num_scenes = torch.stack([(ids >= 0).any() for ids in region_ids]).sum()
        total = self.loss_weight * losses.sum()
        if self.training and num_ranks() > 1:
            return combine_shares(total / sum_over_ranks(num_scenes).clamp(min=1))
        return total / num_scenes.clamp(min=1)

    @property
    def _gathers(self) -> bool:
        return self.gather_negatives and self.training

    def _contrast_ranks(
        self,
        query: Tensor,
        key: Tensor,
        region_ids: Tensor,
        point_ids: Tensor,
        ranges: Tensor | None = None,  # never given with gather_negatives
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
        ranges: Tensor | None = None,
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
                ranges=ranges,
                max_range_gap=math.inf if self.max_range_gap is None else self.max_range_gap,
            )
            for side in sides
        ]
        return torch.stack(losses).mean()
