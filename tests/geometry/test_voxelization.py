"""Grouping points by voxel, against dictionaries filled point by point."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from perception_kd.geometry.voxelization import (
    first_points,
    grid_shape,
    mean_of_points,
    sort_into_voxels,
    to_cylindrical,
    unique_cells,
)

SHAPE = (3, 5, 7)


def make_cells(num_points: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    sizes = (2, *SHAPE)
    columns = [torch.randint(size, (num_points,), generator=generator) for size in sizes]
    return torch.stack(columns, dim=1)


def group_one_by_one(cells: Tensor) -> dict[tuple[int, ...], list[int]]:
    points_of: dict[tuple[int, ...], list[int]] = {}
    for row, cell in enumerate(cells.tolist()):
        points_of.setdefault(tuple(cell), []).append(row)
    return dict(sorted(points_of.items()))


@settings(max_examples=50, deadline=None)
@given(num_points=st.integers(0, 300), seed=st.integers(0, 1000))
def test_unique_cells_match_grouping_one_by_one(num_points: int, seed: int) -> None:
    cells = make_cells(num_points, seed)
    points_of = group_one_by_one(cells)
    coors, point2voxel = unique_cells(cells, SHAPE)
    assert coors.tolist() == [list(cell) for cell in points_of]
    for voxel, rows in enumerate(points_of.values()):
        assert point2voxel[rows].tolist() == [voxel] * len(rows)


def test_cells_of_a_grid_beyond_32_bits_stay_apart() -> None:
    shape = (4000, 4000, 4000)
    cells = torch.tensor([[1, 3999, 3999, 3999], [0, 0, 0, 0], [1, 3999, 3999, 3998]])
    coors, point2voxel = unique_cells(cells, shape)
    assert coors.tolist() == cells[[1, 2, 0]].tolist()
    assert point2voxel.tolist() == [2, 0, 1]


def test_first_points_are_the_lowest_rows() -> None:
    cells = make_cells(200)
    expected = [rows[0] for rows in group_one_by_one(cells).values()]
    coors, point2voxel = unique_cells(cells, SHAPE)
    assert first_points(point2voxel, len(coors)).tolist() == expected


@pytest.mark.parametrize("max_points", [None, 1, 2, 100])
def test_means_match_averaging_one_by_one(max_points: int | None) -> None:
    cells, features = make_cells(500), torch.rand(500, 2)
    expected = [features[rows[:max_points]].mean(0) for rows in group_one_by_one(cells).values()]
    coors, point2voxel = unique_cells(cells, SHAPE)
    means = mean_of_points(features, point2voxel, len(coors), max_points)
    torch.testing.assert_close(means, torch.stack(expected))


def test_convention_phi_grows_from_x_to_y() -> None:
    points = torch.tensor([[2.0, 0, 0], [0, 2, 1], [-2, 0, 2], [0, -2, 3], [3, 4, 5], [0, 0, 6]])
    cylindrical = to_cylindrical(points)
    assert cylindrical[:, 0].tolist() == [2, 2, 2, 2, 5, 0]
    expected = [0, 90, 180, -90, math.degrees(math.atan2(4, 3)), 0]
    assert cylindrical[:, 1].tolist() == pytest.approx(expected)
    assert cylindrical[:, 2].tolist() == [0, 1, 2, 3, 5, 6]


def test_no_points_give_no_voxels() -> None:
    coors, point2voxel = unique_cells(torch.zeros(0, 4, dtype=torch.long), SHAPE)
    assert coors.shape == (0, 4)
    assert point2voxel.shape == (0,)
    assert first_points(point2voxel, 0).shape == (0,)
    assert mean_of_points(torch.zeros(0, 3), point2voxel, 0).shape == (0, 3)


@settings(max_examples=20, deadline=None)
@given(num_points=st.integers(0, 100), seed=st.integers(0, 1000))
def test_sorted_points_match_grouping_one_by_one(num_points: int, seed: int) -> None:
    cells = make_cells(num_points, seed)
    points_of = list(group_one_by_one(cells).values())
    coors, point2voxel = unique_cells(cells, SHAPE)
    order, rank, counts = sort_into_voxels(point2voxel, len(coors) + 1)
    assert order.tolist() == [row for rows in points_of for row in rows]
    assert rank.tolist() == [i for rows in points_of for i in range(len(rows))]
    assert counts.tolist() == [*map(len, points_of), 0]


def test_convention_the_shape_of_a_grid_is_z_y_x() -> None:
    assert grid_shape((-2, -3, -5, 2, 3, 3), (0.1, 0.2, 8)) == (1, 30, 40)


def test_rejects_a_grid_without_cells() -> None:
    with pytest.raises(ValueError, match="voxel_size must be three positive sizes"):
        grid_shape((0, 0, 0, 1, 1, 1), (0.1, 0.1, 0))
    with pytest.raises(ValueError, match="three lower and three larger upper ends"):
        grid_shape((0, 0, 0, 1, 1, 0), (0.1, 0.1, 0.1))
