"""Descriptions of compared pairs of point and pixel, and of regions of them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.losses.pair_weights import PairDescription
from perception_kd.ops.segment_pool import pool_pixels, pool_segments
from perception_kd.structures import Batch


def describe_pairs(
    inputs: Batch, data_samples: list[Any], teacher_maps: Tensor, rows: Tensor
) -> PairDescription:
    """Describe pairs of point and pixel.

    Args:
        inputs: The batch of ``docs/sample.md``, with P pairs.
        data_samples: One per sample; without a ``scene_token`` it is its own scene.
        teacher_maps: Maps of the teacher, shape (V, C, h, w); a pair has the features
            of the cell that its pixel lies in.
        rows: Pairs to describe, int64, shape (M,).
    """
    points = inputs["pairing_points"][rows]
    samples = _sample_of_points(inputs["points"])[points]
    return PairDescription(
        teacher_feats=_read_cells(inputs, teacher_maps, rows),
        positions=torch.cat([cloud[:, :3] for cloud in inputs["points"]])[points],
        samples=samples,
        scenes=_number_scenes(inputs["points"], data_samples)[samples],
    )


def describe_segments(
    inputs: Batch, data_samples: list[Any], teacher_maps: Tensor, segment_ids: Tensor
) -> PairDescription:
    """Describe the superpixels that have pairs.

    A superpixel has the mean of the cells that lie in it, as in ST-SLidR; one that is
    smaller than a cell, the mean of the cells of its pairs.

    Args:
        inputs: The batch of ``docs/sample.md``, with P pairs and S superpixels.
        data_samples: One per sample; without a ``scene_token`` it is its own scene.
        teacher_maps: Maps of the teacher, shape (V, C, h, w).
        segment_ids: Superpixel of each pair, -1 = none, int64, shape (P,).

    Returns:
        Descriptions of the M superpixels with pairs, in the order of their ids.
    """
    num = inputs["num_superpixels"]
    rows = torch.arange(len(segment_ids), device=segment_ids.device)
    pairs = describe_pairs(inputs, data_samples, teacher_maps, rows)
    # All pairs of a superpixel are of one sample, so the mean is exact.
    known = torch.stack((pairs.samples, pairs.scenes), dim=1).double()
    positions, num_pairs = pool_segments(pairs.positions, segment_ids, num)
    known, _ = pool_segments(known, segment_ids, num)
    seen = num_pairs > 0

    # Ids below 2^24 are exact as numbers of single precision.
    cells = F.interpolate(inputs["superpixels"][:, None].float(), teacher_maps.shape[-2:])
    by_cells, num_cells = pool_pixels(teacher_maps, cells[:, 0].long(), num)
    by_pairs, _ = pool_segments(pairs.teacher_feats, segment_ids, num)
    feats = torch.where(num_cells[:, None] > 0, by_cells, by_pairs)
    samples, scenes = known[seen].long().unbind(dim=1)
    return PairDescription(feats[seen], positions[seen], samples, scenes)


def _read_cells(inputs: Batch, maps: Tensor, rows: Tensor) -> Tensor:
    """Return the features of the cell of each pair, (M, C)."""
    view, row, col = inputs["pairing_images"][rows].unbind(dim=1)
    (height, width), (num_rows, num_cols) = inputs["imgs"].shape[-2:], maps.shape[-2:]
    return maps[view, :, row * num_rows // height, col * num_cols // width]


def _sample_of_points(points: list[Tensor]) -> Tensor:
    """Return the sample of each of the concatenated points, int64, (N,)."""
    sizes = torch.tensor([len(cloud) for cloud in points])
    return torch.arange(len(points)).repeat_interleave(sizes).to(points[0].device)


def _number_scenes(points: list[Tensor], data_samples: list[Any]) -> Tensor:
    """Return the scene of each sample, int64, (B,)."""
    tokens = [getattr(sample, "scene_token", i) for i, sample in enumerate(data_samples)]
    tokens = tokens or list(range(len(points)))
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return torch.tensor([numbers[token] for token in tokens], device=points[0].device)
