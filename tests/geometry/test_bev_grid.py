"""Reading BEV maps, against interpolation by hand."""

import math

import pytest
import torch
from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev

# 6 columns along x, 4 rows along y.
GRID = BEVGrid((-3.0, 10.0, -5.0, 9.0, 18.0, 3.0), cell_size=2.0)


def make_points(num_points: int = 200, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(num_points, 3, generator=generator)
    return uniform * torch.tensor([12.0, 8.0, 5.0]) + torch.tensor([-3.0, 10.0, -5.0])


def read_one_by_one(bev: Tensor, points: Tensor, center: float) -> Tensor:
    """Read (C, Y, X) bilinearly, cell i standing at i + center, clamped outside."""
    num_rows, num_columns = bev.shape[1:]
    feats = []
    for x, y, _ in points.tolist():
        column = min(max((x + 3) / 2 - center, 0), num_columns - 1)
        row = min(max((y - 10) / 2 - center, 0), num_rows - 1)
        j, i = min(int(column), num_columns - 2), min(int(row), num_rows - 2)
        a, b = row - i, column - j
        upper = (1 - b) * bev[:, i, j] + b * bev[:, i, j + 1]
        lower = (1 - b) * bev[:, i + 1, j] + b * bev[:, i + 1, j + 1]
        feats.append((1 - a) * upper + a * lower)
    return torch.stack(feats)


@pytest.mark.parametrize(("value_at", "center"), [("center", 0.5), ("corner", 0.0)])
def test_reading_matches_interpolation_by_hand(value_at: str, center: float) -> None:
    bev, points = torch.rand(2, 5, 4, 6), [make_points(seed=0), make_points(150, seed=1)]
    feats, on_grid = sample_bev(bev, points, GRID, value_at)
    expected = [read_one_by_one(*item, center) for item in zip(bev, points, strict=True)]
    torch.testing.assert_close(feats, torch.cat(expected), atol=1e-5, rtol=0)
    assert on_grid.all()


def test_convention_values_are_at_cell_centers() -> None:
    bev = torch.arange(24.0).view(1, 1, 4, 6)
    # The center of row 1, column 2; the last half cell of both axes; the first.
    points = torch.tensor([[2.0, 13.0, 0.0], [8.9, 17.9, 0.0], [-2.9, 10.1, 0.0]])
    feats, _ = sample_bev(bev, [points], GRID)
    assert feats[:, 0].tolist() == pytest.approx([8, 23, 0], abs=1e-5)
    # SLidR's published reading has row 1, column 2 at (1, 12), and is 0 at the far
    # border.
    at_corner, _ = sample_bev(bev, [torch.tensor([[1.0, 12.0], [8.9, 17.9]])], GRID, "corner")
    assert at_corner[:, 0].tolist() == pytest.approx([8, 23], abs=1e-5)


def test_points_off_the_grid_read_zero() -> None:
    xs = [-3.01, -3.0, 8.99, 9.0, math.nan, math.inf]
    points = torch.tensor([[x, 11.0, 0.0] for x in xs])
    feats, on_grid = sample_bev(torch.ones(1, 2, 4, 6), [points], GRID)
    assert on_grid.tolist() == [False, True, True, False, False, False]
    assert feats[:, 0].tolist() == on_grid.float().tolist()


def test_height_is_ignored() -> None:
    points = make_points()
    higher = points + torch.tensor([0.0, 0.0, 100.0])
    bev = torch.rand(1, 3, 4, 6)
    assert torch.equal(sample_bev(bev, [points], GRID)[0], sample_bev(bev, [higher], GRID)[0])


def test_empty_point_clouds_give_no_features() -> None:
    empty = torch.zeros(0, 3)
    feats, on_grid = sample_bev(torch.ones(2, 3, 4, 6), [empty, make_points(5)], GRID)
    assert feats.shape == (5, 3)
    feats, on_grid = sample_bev(torch.ones(2, 3, 4, 6), [empty, empty], GRID)
    assert feats.shape == (0, 3)
    assert on_grid.shape == (0,)


def test_half_precision_maps_are_read_at_exact_positions() -> None:
    bev, points = torch.rand(1, 3, 4, 6).half(), make_points()
    feats, _ = sample_bev(bev, [points], GRID)
    assert feats.dtype == torch.float
    torch.testing.assert_close(feats, sample_bev(bev.float(), [points], GRID)[0])


def test_gradient() -> None:
    bev, points = torch.rand(1, 2, 4, 6, dtype=torch.double), make_points(10).double()
    bev.requires_grad_()
    assert torch.autograd.gradcheck(lambda b: sample_bev(b, [points], GRID)[0], bev)


def test_rejects_grids_maps_and_readings() -> None:
    with pytest.raises(ValueError, match="cell_size must divide the range into whole cells"):
        BEVGrid(GRID.point_cloud_range, cell_size=3.1)
    with pytest.raises(ValueError, match="cell_size must be positive"):
        BEVGrid(GRID.point_cloud_range, cell_size=0.0)
    with pytest.raises(ValueError, match="point_cloud_range must be 6 numbers"):
        BEVGrid((0.0, 0.0, 1.0, 1.0), cell_size=1.0)
    with pytest.raises(ValueError, match=r"bev must have shape \(1, C, 4, 6\)"):
        sample_bev(torch.ones(1, 1, 6, 4), [make_points()], GRID)
    with pytest.raises(ValueError, match='value_at must be "center" or "corner"'):
        sample_bev(torch.ones(1, 1, 4, 6), [make_points()], GRID, "edge")
