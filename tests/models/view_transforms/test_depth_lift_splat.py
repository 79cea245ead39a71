"""Depth images against the projection of single points."""

from typing import Any

import numpy as np
import pytest
import torch

from perception_kd.geometry.projection import project_points
from perception_kd.models.view_transforms import DepthLSSViewTransform
from perception_kd.models.view_transforms.depth_lift_splat import depth_images
from tests.models.view_transforms.rig import FEAT_SHAPE, IMG_SHAPE, make_cameras

SETTINGS: dict[str, Any] = dict(
    in_channels=5,
    out_channels=3,
    point_cloud_range=(-8.0, -8.0, -4.0, 8.0, 8.0, 4.0),
    cell_size=0.8,
    depth_range=(1.0, 9.0, 1.0),
)


def random_points() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [20 * torch.rand(n, 5, generator=generator) - 10 for n in (900, 700)]


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_a_pixel_shows_the_nearest_of_its_points(seed: int | None) -> None:
    cameras, points_list = make_cameras(seed=seed), random_points()
    images = depth_images(points_list, cameras)
    assert images.shape == (4, 1, *IMG_SHAPE)
    assert (images > 0).sum() > 40
    for view, sample in enumerate(cameras.view_sample.tolist()):
        undo = np.linalg.inv(cameras.lidar_aug_matrix[sample].double().numpy())
        points = points_list[sample][:, :3].double().numpy() @ undo[:3, :3].T + undo[:3, 3]
        projection = project_points(
            points,
            cameras.lidar2cam[view].double().numpy(),
            cameras.cam2img[view].double().numpy(),
            IMG_SHAPE,
            min_depth=1e-3,
        )
        img_aug = cameras.img_aug_matrix[view].double().numpy()
        present = projection.pixels @ img_aug[:2, :2].T + img_aug[:2, 2]
        expected = np.zeros(IMG_SHAPE)
        for (u, v), depth in zip(present, projection.depth, strict=True):
            row, col = int(np.floor(v + 0.5)), int(np.floor(u + 0.5))
            if depth > 1e-3 and 0 <= row < IMG_SHAPE[0] and 0 <= col < IMG_SHAPE[1]:
                before = expected[row, col]
                expected[row, col] = depth if before == 0 else min(before, depth)
        np.testing.assert_allclose(images[view, 0].numpy(), expected, atol=1e-4)


def test_no_points_give_an_empty_image() -> None:
    images = depth_images([torch.zeros(0, 5)] * 2, make_cameras())
    assert (images == 0).all()


def test_depth_changes_the_map_and_trains_all_layers() -> None:
    torch.manual_seed(0)
    transform = DepthLSSViewTransform(**SETTINGS)
    feats, cameras = torch.randn(4, 5, *FEAT_SHAPE), make_cameras()
    bev = transform(feats, cameras, random_points())
    assert bev.shape == (2, 3, 10, 10)
    other = transform(feats, cameras, [points + 1 for points in random_points()])
    assert not torch.allclose(bev, other)
    bev.square().mean().backward()
    assert all(p.grad is not None for p in transform.parameters())


def test_the_published_layers() -> None:
    # Of BEVFusion's DepthLSSTransform: a depth image through 1x1, 5x5 / 4 and 5x5 / 2,
    # then 3x3, 3x3 and 1x1, all with biases, batch norms but for the last.
    transform = DepthLSSViewTransform(in_channels=256)
    depth = (8 + 8) + (8 * 32 * 25 + 32) + (32 * 64 * 25 + 64) + 2 * (8 + 32 + 64)
    mix = (320 * 256 * 9 + 256) + (256 * 256 * 9 + 256) + 4 * 256 + 257 * (118 + 80)
    assert sum(p.numel() for p in transform.dtransform.parameters()) == depth
    assert sum(p.numel() for p in transform.depthnet.parameters()) == mix


def test_rejects_missing_points_and_wrong_strides() -> None:
    transform, cameras = DepthLSSViewTransform(**SETTINGS), make_cameras()
    with pytest.raises(ValueError, match="DepthLSSViewTransform needs points, but got None"):
        transform(torch.zeros(4, 5, *FEAT_SHAPE), cameras)
    with pytest.raises(ValueError, match=r"an 8th of the images' size \(64, 96\), but got \(4, 6"):
        transform(torch.zeros(4, 5, 4, 6), cameras, random_points())
