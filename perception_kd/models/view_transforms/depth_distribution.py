"""Predicted depths compared with those of the LiDAR, without labels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.view_transforms.depth_lift_splat import depth_images
from perception_kd.models.view_transforms.frustum import Cameras
from perception_kd.utils.checks import check_shape


def cell_depths(points: list[Tensor], cameras: Cameras, feat_shape: tuple[int, int]) -> Tensor:
    """Return the depth of the nearest point in each cell of a feature map.

    Only points of the keyframe's own sweep count: others may have moved since.

    Args:
        points: One point cloud per sample in augmented LiDAR coordinates, with the time
            lag in s as the fifth column, each (N_b, 5).
        cameras: The cameras of V views.
        feat_shape: Height h and width w of the feature map.

    Returns:
        Depth along the optical axis in m, infinite without a point, (V, h, w).
    """
    own = [cloud[cloud[:, 4] == 0] for cloud in points]
    images = depth_images(own, cameras)
    nearest = F.adaptive_max_pool2d(-images.masked_fill(images == 0, torch.inf), feat_shape)
    return -nearest[:, 0]


def depth_distribution_loss(scores: Tensor, depths: Tensor, targets: Tensor) -> Tensor:
    """Return the cross entropy of predicted distributions of depth.

    BEVDepth [1] supervises the depth of lift-splat with that of the LiDAR:

        loss = mean over cells with a point of  -log p[ bin of the point's depth ]

    where p is the softmax over the bins. ([1] takes a binary cross entropy per bin.)

    - [1] BEVDepth: Acquisition of Reliable Depth for Multi-view 3D Object Detection,
      2023, https://arxiv.org/abs/2206.10092

    Args:
        scores: Scores of L depths, shape (V, L, h, w).
        depths: These depths in m, equally spaced, shape (L,). A point belongs to the
            nearest; those more than half a step beyond the ends do not count.
        targets: Results of :func:`cell_depths`, shape (V, h, w).

    Returns:
        Scalar. Zero, still attached to the graph, without any point.

    Raises:
        ValueError: If the shapes do not fit.
    """
    bins = find_bins(scores, depths, targets)
    log_probs = scores.log_softmax(dim=1, dtype=torch.promote_types(scores.dtype, torch.float32))
    own = log_probs.gather(1, bins.clamp(min=0)[:, None])[:, 0]
    is_counted = bins >= 0
    # Not by an index, which would wait for a GPU; other cells are finite.
    return -torch.where(is_counted, own, own * 0.0).sum() / is_counted.sum().clamp(min=1)


def expected_depth_error(scores: Tensor, depths: Tensor, targets: Tensor) -> Tensor:
    """Return the mean error of the expected depth, where there is a point.

    Args:
        scores: Scores of L depths, shape (V, L, h, w).
        depths: These depths in m, equally spaced, shape (L,).
        targets: Results of :func:`cell_depths` in m, shape (V, h, w).

    Returns:
        Scalar in m; 0 without any point.
    """
    is_counted = find_bins(scores, depths, targets) >= 0
    probs = scores.softmax(dim=1, dtype=torch.promote_types(scores.dtype, torch.float32))
    expected = torch.einsum("vdhw,d->vhw", probs, depths.to(probs))
    errors = (expected - targets).abs().masked_fill(~is_counted, 0.0)
    return errors.sum() / is_counted.sum().clamp(min=1)


def find_bins(scores: Tensor, depths: Tensor, targets: Tensor) -> Tensor:
    """Return the index of the nearest depth of each cell, -1 = none.

    Args:
        scores: Scores of L depths, shape (V, L, h, w); only the shape is used.
        depths: These depths in m, equally spaced, at least 2, shape (L,).
        targets: Depth of the LiDAR per cell in m, shape (V, h, w).

    Returns:
        Indices in 0 .. L - 1, int64, shape (V, h, w); -1 where the target is more than
        half a step beyond the ends.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_shape("scores", scores, ("V", len(depths), "h", "w"))
    check_shape("targets", targets, (len(scores), *scores.shape[2:]))
    if len(depths) < 2:
        raise ValueError(f"depths must have at least 2 values, but got {len(depths)}.")
    steps = (targets - depths[0]) / (depths[1] - depths[0])
    bins = torch.floor(steps + 0.5)
    is_in = (bins >= 0) & (bins < len(depths))
    return torch.where(is_in, bins, -1).long()
