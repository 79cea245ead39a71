"""BEV features at points."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.heads import BEVProjection

GRID: dict[str, Any] = dict(point_cloud_range=(-2.0, -2.0, -5.0, 4.0, 2.0, 3.0), cell_size=2.0)


def make_voxels(point2voxel: list[int]) -> Voxels:
    coors = torch.zeros(1, 4, dtype=torch.int32)
    return Voxels(torch.zeros(1, 1), coors, torch.tensor(point2voxel), (1, 1, 1), 2)


def make_points(*xy: tuple[float, float]) -> Tensor:
    return torch.tensor([[x, y, 0.0, 9.0] for x, y in xy])


def test_points_at_centers_get_their_cell_scaled_to_unit_length() -> None:
    head = BEVProjection(in_channels=5, out_channels=3, **GRID)
    bev = torch.randn(2, 5, 2, 3)
    # Row 0, column 2 of the first map; row 1, column 0 of the second.
    points = [make_points((3.0, -1.0)), make_points((-1.0, 1.0))]
    out = head(bev, points, make_voxels([0, 0]))
    for row, cell in zip(out, (bev[0, :, 0, 2], bev[1, :, 1, 0]), strict=True):
        projected = head.proj.weight[:, :, 0, 0] @ cell
        torch.testing.assert_close(row, projected / projected.norm())


def test_between_centers_scaled_cells_are_mixed() -> None:
    head = BEVProjection(in_channels=2, out_channels=2, **GRID)
    torch.nn.init.eye_(head.proj.weight.data[:, :, 0, 0])
    bev = torch.zeros(1, 2, 2, 3)
    bev[0, 0, 0, 0], bev[0, 1, 0, 1] = 10.0, 0.1
    out = head(bev, [make_points((0.0, -1.0))], make_voxels([0]))
    torch.testing.assert_close(out, torch.tensor([[0.5, 0.5]]))
    plain = BEVProjection(in_channels=2, out_channels=2, normalize=False, **GRID)
    plain.load_state_dict(head.state_dict())
    out = plain(bev, [make_points((0.0, -1.0))], make_voxels([0]))
    torch.testing.assert_close(out, torch.tensor([[5.0, 0.05]]))


def test_values_stand_at_the_corner_on_request() -> None:
    head = BEVProjection(in_channels=2, normalize=False, value_at="corner", **GRID)
    bev = torch.randn(1, 2, 2, 3)
    out = head(bev, [make_points((2.0, -2.0))], make_voxels([0]))
    torch.testing.assert_close(out[0], head.proj.weight[:, :, 0, 0] @ bev[0, :, 0, 2])


def test_points_without_a_voxel_and_off_the_grid_are_zero() -> None:
    head = BEVProjection(in_channels=2, **GRID)
    points = [make_points((1.0, 1.0), (1.0, 1.0), (5.0, 1.0))]
    out = head(torch.randn(1, 2, 2, 3), points, make_voxels([0, -1, 0]))
    assert out.any(dim=1).tolist() == [True, False, False]


def test_empty_cells_stay_zero_and_keep_gradients_finite() -> None:
    head = BEVProjection(in_channels=2, **GRID)
    bev = torch.zeros(1, 2, 2, 3, requires_grad=True)
    out = head(bev, [make_points((1.0, 1.0))], make_voxels([0]))
    (grad,) = torch.autograd.grad(out.sum(), bev)
    assert not out.any()
    assert not grad.any()


def test_takes_the_only_level_of_a_neck() -> None:
    head = BEVProjection(in_channels=2, **GRID)
    bev, points, voxels = torch.randn(1, 2, 2, 3), [make_points((1.0, 1.0))], make_voxels([0])
    assert torch.equal(head([bev], points, voxels), head(bev, points, voxels))
    with pytest.raises(ValueError, match="feats must hold one level of maps, but got 2"):
        head((bev, bev), points, voxels)


def test_rejects_maps_of_another_grid_and_unknown_readings() -> None:
    head = BEVProjection(in_channels=2, **GRID)
    with pytest.raises(ValueError, match=r"feats must have shape \(1, 2, 2, 3\)"):
        head(torch.zeros(1, 2, 3, 2), [make_points((1.0, 1.0))], make_voxels([0]))
    with pytest.raises(ValueError, match='value_at must be "center" or "corner"'):
        BEVProjection(in_channels=2, value_at="edge", **GRID)
