"""A small batch and a small network, for tests of pre-trainers."""

from typing import Any

import torch
from torch import Tensor

STUDENT: dict[str, Any] = dict(
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.5, 0.5, 0.5),
        coordinates="cartesian",
        point_cloud_range=(-8, -8, -2, 8, 8, 2),
    ),
    pts_backbone=dict(
        type="MinkUNet",
        base_channels=4,
        encoder_channels=(4, 8),
        encoder_blocks=(1, 1),
        decoder_channels=(8, 4),
        decoder_blocks=(1, 1),
    ),
)
PRETRAINER: dict[str, Any] = dict(
    **STUDENT,
    img_backbone=dict(
        type="FrozenBackbone", backbone=dict(type="DilatedResNet", depth=18, out_stride=4)
    ),
    img_head=dict(type="PixelProjection", in_channels=512, out_channels=6, scale_factor=4),
    pts_head=dict(type="VoxelProjection", in_channels=4, out_channels=6),
    loss_contrast=dict(type="InfoNCELoss", temperature=0.07),
)


def make_inputs(num_points: int = 60, num_pairs: int = 40) -> dict[str, Any]:
    """Make the batch of ``docs/sample.md``: two clouds, three views of 16 x 24 px.

    The first point of the first cloud lies beyond the voxels' range and is paired.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    points = [draw(num_points, 5) * 3.8 - 1.9 for _ in range(2)]
    points[0][0, 0] = 100.0
    pairing_images = (draw(num_pairs, 3) * torch.tensor([3, 16, 24])).long()
    pairing_points = (draw(num_pairs) * 2 * num_points).long()
    pairing_points[0] = 0
    superpixels = (draw(3, 16, 24) * 4 + 4 * torch.arange(3)[:, None, None]).long()
    superpixels[:, :2] = -1
    return {
        "points": points,
        "imgs": draw(3, 3, 16, 24) - 0.5,
        "superpixels": superpixels,
        # One more id than any pixel has: cropping may remove a segment whole.
        "num_superpixels": 13,
        "pairing_points": pairing_points,
        "pairing_images": pairing_images,
    }
