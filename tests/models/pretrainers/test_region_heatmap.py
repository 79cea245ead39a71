"""Gaussians at regions, against their formula."""

import math

import pytest
import torch

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.pretrainers.bev_distillation import region_heatmap

GRID = BEVGrid((-8.0, -4.0, -2.0, 8.0, 4.0, 2.0), cell_size=0.5)


def test_a_small_region_is_a_gaussian_at_its_box_center() -> None:
    # Box (0.85, -1.0) to (1.25, -0.8): its center (1.05, -0.9) is in column 18, row 6.
    # The mean of the points, at x = 0.98, lies in column 17.
    points = torch.tensor([[0.85, -1.0, 9.0], [1.25, -0.9, 0], [0.85, -0.8, 0], [5.0, 3.0, 0]])
    heatmap = region_heatmap(points, torch.tensor([3, 3, 3, -1]), GRID)
    assert heatmap.shape == (16, 32)
    sigma = (2 * 2 + 1) / 6
    for row in range(16):
        for column in range(32):
            off_y, off_x = row - 6, column - 18
            near = max(abs(off_y), abs(off_x)) <= 2
            expected = math.exp(-(off_x**2 + off_y**2) / (2 * sigma**2)) if near else 0.0
            assert heatmap[row, column].item() == pytest.approx(expected, abs=1e-6)


def test_where_regions_meet_the_largest_value_stays() -> None:
    wide = torch.tensor([[-4.0, -3.0], [4.0, 3.0]])
    small = torch.tensor([[0.0, 0.0]])
    ids = torch.tensor([0, 0])
    alone = region_heatmap(wide, ids, GRID)
    assert (alone > 0).sum() > 25
    both = region_heatmap(torch.cat([wide, small]), torch.tensor([0, 0, 1]), GRID)
    assert torch.equal(both, torch.maximum(alone, region_heatmap(small, ids[:1], GRID)))


def test_regions_off_the_map_and_no_regions_leave_it_zero() -> None:
    assert not region_heatmap(torch.tensor([[100.0, 0.0]]), torch.tensor([0]), GRID).any()
    assert not region_heatmap(torch.zeros(0, 5), torch.zeros(0).long(), GRID).any()
    assert not region_heatmap(torch.zeros(3, 5), torch.full((3,), -1), GRID).any()
