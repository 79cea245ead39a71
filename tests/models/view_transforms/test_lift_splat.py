"""Lift-splat: marked pixels, moved scenes, published sizes."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from perception_kd.models.view_transforms import LSSViewTransform
from perception_kd.registry import MODELS
from tests.models.view_transforms.rig import FEAT_SHAPE, IMG_SHAPE, make_cameras, one_hot

RANGE = (-8.0, -8.0, -4.0, 8.0, 8.0, 4.0)
NUM_DEPTHS = 8


def make_transform(**settings: Any) -> LSSViewTransform:
    torch.manual_seed(0)
    defaults = dict(
        in_channels=5,
        out_channels=3,
        point_cloud_range=RANGE,
        cell_size=0.8,
        depth_range=(1.0, 9.0, 1.0),
        downsample=1,
    )
    return LSSViewTransform(**{**defaults, **settings})


def random_frusta(num_views: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(num_views, NUM_DEPTHS, *FEAT_SHAPE, generator=generator)
    return probs, torch.randn(num_views, 3, *FEAT_SHAPE, generator=generator)


@pytest.mark.parametrize("seed", [None, 0, 5])
def test_a_marked_pixel_lands_in_the_cell_of_its_point(seed: int | None) -> None:
    # View 2 is of sample 1; its feature cell (3, 7) at 5 m, through the matrices.
    cameras, transform = (
        make_cameras(seed=seed),
        make_transform(point_cloud_range=(-16, -16, -8, 16, 16, 8)),
    )
    undo_img = np.linalg.inv(cameras.img_aug_matrix[2].double())
    u, v, _ = undo_img @ [7.5 * 8 - 0.5, 3.5 * 8 - 0.5, 1]
    point_cam = 5.0 * (np.linalg.inv(cameras.cam2img[2].double()) @ [u, v, 1])
    point = np.linalg.inv(cameras.lidar2cam[2].double()) @ [*point_cam, 1]
    x, y, z, _ = cameras.lidar_aug_matrix[1].double().numpy() @ point
    assert abs(z) < 8

    probs = one_hot((4, NUM_DEPTHS, *FEAT_SHAPE), 2, 4, 3, 7)
    bev = transform.splat(probs, torch.ones(4, 3, *FEAT_SHAPE), cameras)
    assert bev.shape == (2, 3, 40, 40)
    row, column = int((y + 16) // 0.8), int((x + 16) // 0.8)
    assert bev.nonzero().tolist() == [[1, channel, row, column] for channel in range(3)]
    assert bev.sum() == 3


@pytest.mark.parametrize(
    ("linear", "move"),
    [
        # x to y, seen in the map: columns become rows.
        ([[0.0, -1], [1, 0]], lambda bev: bev.transpose(2, 3).flip(3)),
        ([[-1.0, 0], [0, 1]], lambda bev: bev.flip(3)),
        ([[1.0, 0], [0, -1]], lambda bev: bev.flip(2)),
    ],
)
def test_the_map_rotates_and_flips_with_the_points(linear: Any, move: Any) -> None:
    cameras, transform = make_cameras(), make_transform()
    lidar_aug_matrix = torch.eye(4).repeat(2, 1, 1)
    lidar_aug_matrix[:, :2, :2] = torch.tensor(linear)
    probs, feats = random_frusta(4)
    still = transform.splat(probs, feats, cameras)
    moved = transform.splat(probs, feats, cameras._replace(lidar_aug_matrix=lidar_aug_matrix))
    assert still.abs().sum() > 100
    torch.testing.assert_close(moved, move(still), rtol=1e-5, atol=1e-5)


def test_the_map_moves_with_the_points() -> None:
    cameras, transform = make_cameras(), make_transform()
    lidar_aug_matrix = torch.eye(4).repeat(2, 1, 1)
    lidar_aug_matrix[:, :2, 3] = torch.tensor([1.6, -0.8])  # 2 columns up, 1 row down
    probs, feats = random_frusta(4)
    still = transform.splat(probs, feats, cameras)
    moved = transform.splat(probs, feats, cameras._replace(lidar_aug_matrix=lidar_aug_matrix))
    torch.testing.assert_close(moved[:, :, :-1, 2:], still[:, :, 1:, :-2], rtol=1e-5, atol=1e-5)


def test_mirrored_images_with_their_matrix_give_the_same_map() -> None:
    cameras, transform = make_cameras(), make_transform()
    mirror = torch.tensor([[-1.0, 0, IMG_SHAPE[1] - 1], [0, 1, 0], [0, 0, 1]]).repeat(4, 1, 1)
    probs, feats = random_frusta(4)
    still = transform.splat(probs, feats, cameras)
    mirrored = transform.splat(
        probs.flip(3), feats.flip(3), cameras._replace(img_aug_matrix=mirror)
    )
    torch.testing.assert_close(mirrored, still, rtol=1e-5, atol=1e-5)


def test_cropped_images_give_the_map_of_the_crop() -> None:
    # 16 px are cut off at the left, 8 at the top: two columns and a row of features.
    cameras, transform = make_cameras(), make_transform()
    corner = torch.tensor([[1.0, 0, -16], [0, 1, -8], [0, 0, 1]]).repeat(4, 1, 1)
    probs, feats = random_frusta(4)
    shown = feats.clone()
    shown[:, :, :, :2] = 0
    shown[:, :, :1] = 0
    cropped = cameras._replace(img_aug_matrix=corner, img_shape=(56, 80))
    torch.testing.assert_close(
        transform.splat(probs[:, :, 1:, 2:], feats[:, :, 1:, 2:], cropped),
        transform.splat(probs, shown, cameras),
        rtol=1e-5,
        atol=1e-5,
    )


def test_depths_are_weighted_by_their_softmax() -> None:
    # Logits of log(1..8) at one feature cell: probabilities of k / 36.
    transform = make_transform(point_cloud_range=(-16, -16, -8, 16, 16, 8))
    transform.depthnet = torch.nn.Identity()
    scores = torch.zeros(2, NUM_DEPTHS + 3, *FEAT_SHAPE)
    scores[0, :NUM_DEPTHS, 4, 6] = torch.arange(1.0, 9.0).log()
    scores[0, NUM_DEPTHS:, 4, 6] = torch.tensor([1.0, 2.0, -1.0])
    bev = transform(scores, make_cameras(num_samples=1))
    values = bev[0, 0][bev[0, 0] != 0]
    # No two depths, a meter apart, share a cell of 0.8 m.
    torch.testing.assert_close(values.sort().values, torch.arange(1.0, 9.0) / 36)
    torch.testing.assert_close(bev[0, 1], 2 * bev[0, 0])


def test_the_published_sizes() -> None:
    transform = LSSViewTransform(in_channels=256)
    assert transform.num_depths == 118
    assert transform.depths[[0, -1]].tolist() == [1.0, 59.5]
    assert transform.grid.shape == (256, 256)
    cameras = make_cameras()._replace(img_shape=(256, 704))
    with torch.no_grad():
        bev = transform.eval()(torch.randn(4, 256, 32, 88), cameras)
    assert bev.shape == (2, 80, 128, 128)
    # Three convolutions of 80 channels without bias, each with a batch norm.
    num = sum(p.numel() for p in transform.downsample.parameters())
    assert num == 3 * (80 * 80 * 9 + 2 * 80)
    assert sum(p.numel() for p in transform.depthnet.parameters()) == 257 * (118 + 80)
    assert not [name for name in transform.state_dict() if "depths" in name]


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_trains_under_autocast(dtype: torch.dtype) -> None:
    transform = make_transform(downsample=2)
    with torch.autocast("cpu", dtype=dtype):
        bev = transform(torch.randn(4, 5, *FEAT_SHAPE), make_cameras(seed=1))
    bev.float().square().mean().backward()
    for parameter in transform.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(downsample=3), "downsample must be 1 or 2 and divide the grid"),
        (dict(downsample=2, cell_size=3.2), r"divide the grid, but got 2 for \(5, 5\) cells"),
        (dict(depth_range=(0.0, 60.0, 0.5)), "depth_range must be a first depth, a larger end"),
        (dict(cell_size=0.7), "cell_size must divide the range"),
    ],
)
def test_rejects_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    config = dict(type="LSSViewTransform", in_channels=5, point_cloud_range=RANGE, cell_size=0.8)
    with pytest.raises(ValueError, match=message):
        MODELS.build({**config, **settings})


def test_rejects_cameras_of_another_batch() -> None:
    with pytest.raises(ValueError, match=r"cameras.lidar2cam must have shape \(3, 4, 4\)"):
        make_transform()(torch.zeros(3, 5, *FEAT_SHAPE), make_cameras())
