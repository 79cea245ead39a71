"""Rays and cells against the projection of points, and by hand."""

import numpy as np
import pytest
import torch

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.geometry.projection import project_points
from perception_kd.models.view_transforms.frustum import (
    Cameras,
    camera_rays,
    feature_pixels,
    frustum_cells,
)
from tests.models.view_transforms.rig import FEAT_SHAPE, IMG_SHAPE, make_cameras

GRID = BEVGrid((-8.0, -8.0, -4.0, 8.0, 8.0, 4.0), cell_size=0.8)
AHEAD = torch.tensor([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def one_camera(lidar_aug_matrix: torch.Tensor | None = None) -> Cameras:
    """Return a camera at the LiDAR that looks along y."""
    return Cameras(
        lidar2cam=AHEAD[None],
        cam2img=torch.tensor([[[40.0, 0, 47.5], [0, 40, 31.5], [0, 0, 1]]]),
        img_aug_matrix=torch.eye(3)[None],
        lidar_aug_matrix=torch.eye(4)[None] if lidar_aug_matrix is None else lidar_aug_matrix,
        view_sample=torch.tensor([0]),
        img_shape=IMG_SHAPE,
    )


def test_a_frustum_point_by_hand() -> None:
    # Feature cell (4, 9) is centered on u = 9.5 * 8 - 0.5 = 75.5 and v = 35.5. At 6 m
    # that is x = 6 * (75.5 - 47.5) / 40 = 4.2, z = -6 * (35.5 - 31.5) / 40 = -0.6, y =
    # 6; in cells of 0.8 m from -8 on: 15.25 and 17.5.
    cells = frustum_cells(one_camera(), FEAT_SHAPE, torch.tensor([6.0]), GRID)
    assert cells.shape == (1, 1, 8, 12)
    assert cells.dtype == torch.int32
    assert cells[0, 0, 4, 9] == 17 * 20 + 15


def test_an_augmented_frustum_point_by_hand() -> None:
    # Points rotate a quarter (x to y) and move: (4.2, 6, -0.6) goes to (-6 + 1,
    # 4.2 - 2) = (-5, 2.2), in cells 3.75 and 12.75.
    moved = torch.tensor([[[0.0, -1, 0, 1], [1, 0, 0, -2], [0, 0, 1, 0.5], [0, 0, 0, 1]]])
    cells = frustum_cells(one_camera(moved), FEAT_SHAPE, torch.tensor([6.0]), GRID)
    assert cells[0, 0, 4, 9] == 12 * 20 + 3


def test_points_off_the_grid_have_no_cell() -> None:
    # Straight ahead y is the depth: on the grid below 8 m. The lowest row of features
    # looks down by (59.5 - 31.5) / 40 and is below -4 m from 5.7 m on.
    depths = torch.tensor([5.0, 6.0, 7.9, 8.1, 1e9])
    cells = frustum_cells(one_camera(), FEAT_SHAPE, depths, GRID)
    assert (cells[0, :, 4, 5] >= 0).tolist() == [True, True, True, False, False]
    assert (cells[0, :, 7, 5] >= 0).tolist() == [True, False, False, False, False]


def test_convention_points_just_below_the_grid_are_off_it() -> None:
    # Truncation, as in the published code, would put them into the first cell.
    shifted = torch.eye(4)[None].clone()
    shifted[0, 1, 3] = -6.0 - 8.1
    cells = frustum_cells(one_camera(shifted), FEAT_SHAPE, torch.tensor([6.0]), GRID)
    assert (cells == -1).all()


def test_published_cells_hold_points_just_below_the_grid() -> None:
    # Above -8.0 - 0.8 m along y, and below -4 - 8 m in height, the one cell of z.
    depths = torch.tensor([5.0, 6.0, 7.9, 16.5, 18.0])
    low = torch.eye(4)[None].clone()
    low[0, 1, 3] = -16.0
    cells = frustum_cells(one_camera(low), FEAT_SHAPE, depths, GRID, truncate=True)
    # y is the depth - 16: in cells -3.75, -2.5, -0.125 (the first), 10.6 and 12.5. The
    # lowest row falls by 0.7 m per m, to -3.5 ... -12.6; the cell ends at -12.
    assert [int(cell) // 20 if cell >= 0 else -1 for cell in cells[0, :, 4, 5]] == [
        *(-1, -1, 0, 10, 12)
    ]
    assert (cells[0, :, 7, 5] >= 0).tolist() == [False, False, True, True, False]
    floored = frustum_cells(one_camera(low), FEAT_SHAPE, depths, GRID)
    assert (floored[0, :, 7, 5] >= 0).tolist() == [False, False, False, False, False]


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_point_on_a_ray_projects_to_its_feature_cell(
    seed: int | None, align_corners: bool
) -> None:
    cameras = make_cameras(seed=seed)
    origins, rays = camera_rays(cameras, FEAT_SHAPE, align_corners)
    u, v = feature_pixels(IMG_SHAPE, FEAT_SHAPE, align_corners)
    expected = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    for view, sample in enumerate(cameras.view_sample):
        points = (origins[view] + 7.5 * rays[view]).reshape(-1, 3).numpy()
        undo = np.linalg.inv(cameras.lidar_aug_matrix[sample].double().numpy())
        projection = project_points(
            points @ undo[:3, :3].T + undo[:3, 3],
            cameras.lidar2cam[view].double().numpy(),
            cameras.cam2img[view].double().numpy(),
            IMG_SHAPE,
        )
        img_aug = cameras.img_aug_matrix[view].double().numpy()
        present = projection.pixels @ img_aug[:2, :2].T + img_aug[:2, 2]
        np.testing.assert_allclose(present, expected, atol=1e-5)
        np.testing.assert_allclose(projection.depth, 7.5, atol=1e-6)


@pytest.mark.parametrize("seed", [None, 3])
def test_cells_are_those_of_the_grid_and_of_the_views_sample(seed: int | None) -> None:
    cameras = make_cameras(num_samples=3, seed=seed)
    depths = torch.arange(1.0, 9.0, 0.7)
    cells = frustum_cells(cameras, FEAT_SHAPE, depths, GRID)
    origins, rays = camera_rays(cameras, FEAT_SHAPE)
    points = origins[:, None, None, None] + depths[:, None, None, None] * rays[:, None]
    for view, sample in enumerate(cameras.view_sample.tolist()):
        flat = points[view].reshape(-1, 3)
        column, row = GRID.to_cells(flat).floor().long().unbind(dim=1)
        on_grid = GRID.contains(flat) & (flat[:, 2] >= -4) & (flat[:, 2] < 4)
        expected = torch.where(on_grid, sample * 400 + row * 20 + column, -1)
        # Points on a border may fall to either side in single precision.
        assert (cells[view].flatten() != expected).float().mean() < 0.002
        assert on_grid.any()


def test_convention_cells_tile_the_image_or_reach_its_border() -> None:
    u, v = feature_pixels((256, 704), (32, 88), align_corners=False)
    assert [*u[[0, -1]], *v[[0, -1]]] == [3.5, 699.5, 3.5, 251.5]
    u, v = feature_pixels((256, 704), (32, 88), align_corners=True)
    assert [*u[[0, -1]], *v[[0, -1]]] == [0, 703, 0, 255]


def test_autocast_does_not_change_the_geometry() -> None:
    cameras, depths = make_cameras(seed=1), torch.arange(1.0, 9.0)
    expected = frustum_cells(cameras, FEAT_SHAPE, depths, GRID)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(frustum_cells(cameras, FEAT_SHAPE, depths, GRID), expected)
