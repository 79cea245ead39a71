"""Which points are drawn, and how often."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd.datasets.transforms.region_points import RegionSampler
from perception_kd.registry import TASK_UTILS

RANGE = (-10.0, -10.0, -2.0, 10.0, 10.0, 2.0)


def make_cloud(num_points: int = 100) -> tuple[Tensor, Tensor]:
    """Make points in range: half in region 0, a tenth in 1, the others in none."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(num_points, 5, generator=generator) * 2 - 1
    points[:, 4] = 0
    row = torch.arange(num_points)
    return points, torch.where(row % 2 == 0, 0, torch.where(row % 10 == 1, 1, -1))


def make_sampler(**settings: Any) -> RegionSampler:
    return RegionSampler(RANGE, **settings)


def test_enough_points_are_drawn_without_replacement() -> None:
    points, ids = make_cloud()
    rows = make_sampler(num_rich=30, num_less=20).draw([points], ids, seed=3)
    assert len(rows.unique()) == len(rows) == 50
    assert (ids[rows[:30]] >= 0).all()
    assert (ids[rows[30:]] < 0).all()
    all_rich = make_sampler(num_rich=60, num_less=0).draw([points], ids, seed=3)
    assert all_rich.sort().values.tolist() == (ids >= 0).nonzero().squeeze(1).tolist()


def test_too_few_points_are_drawn_with_replacement() -> None:
    points, ids = make_cloud()
    rows = make_sampler(num_rich=1024, num_less=1024).draw([points], ids, seed=3)
    assert len(rows) == 2048
    assert (ids[rows[:1024]] >= 0).all()
    assert len(rows[:1024].unique()) == 60  # of 1024 draws of 60 none is missed
    assert len(rows[1024:].unique()) == 40


def test_points_out_of_range_in_any_view_are_never_drawn() -> None:
    points, ids = make_cloud()
    moved = points.clone()
    moved[:10, 0] = 10.0  # the upper end is out
    moved[10:20, 2] = -2.1
    moved[20:30, 1] = -10.0  # the lower end is in
    for views in ([points, moved], [moved, points]):
        rows = make_sampler().draw(views, ids, seed=0)
        assert set(rows.tolist()) == set(range(20, 100))


def test_points_of_earlier_sweeps_are_never_drawn() -> None:
    points, ids = make_cloud()
    points[50:, 4] = 0.05
    rows = make_sampler().draw([points, points], ids, seed=0)
    assert set(rows.tolist()) == set(range(50))


def test_the_seed_alone_fixes_the_draw() -> None:
    points, ids = make_cloud()
    torch.manual_seed(1)
    first = make_sampler().draw([points], ids, seed=5)
    torch.manual_seed(2)
    assert torch.equal(make_sampler().draw([points], ids, seed=5), first)
    assert not torch.equal(make_sampler().draw([points], ids, seed=6), first)


@pytest.mark.parametrize(("balanced", "share"), [(False, 1 / 6), (True, 1 / 2)])
def test_regions_are_drawn_by_their_points_or_all_alike(balanced: bool, share: float) -> None:
    points, ids = make_cloud()
    sampler = make_sampler(num_rich=6000, num_less=0, region_balanced=balanced)
    rows = sampler.draw([points], ids, seed=0)
    # Five standard deviations of a binomial share.
    assert (ids[rows] == 1).float().mean().item() == pytest.approx(share, abs=0.033)


def test_balanced_draws_without_replacement_where_there_are_enough() -> None:
    points, ids = make_cloud()
    rows = make_sampler(num_rich=60, num_less=5, region_balanced=True).draw([points], ids, seed=0)
    assert len(rows.unique()) == 65


@pytest.mark.parametrize("balanced", [False, True])
def test_a_part_without_points_is_left_out(balanced: bool) -> None:
    points, ids = make_cloud()
    sampler = make_sampler(num_rich=8, num_less=4, region_balanced=balanced)
    assert len(sampler.draw([points], torch.full_like(ids, -1), 0)) == 4
    assert len(sampler.draw([points], torch.zeros_like(ids), 0)) == 8
    assert len(sampler.draw([points[:0]], ids[:0], 0)) == 0
    assert (
        len(make_sampler(num_rich=0, num_less=0, region_balanced=balanced).draw([points], ids, 0))
        == 0
    )


def test_a_single_point_is_drawn_again_and_again() -> None:
    points, _ = make_cloud(1)
    rows = make_sampler(num_rich=8, num_less=8).draw([points], torch.tensor([0]), seed=0)
    assert rows.tolist() == [0] * 8


def moved_by(points: Tensor, matrix: Tensor) -> Tensor:
    moved = points.clone()
    moved[:, :3] = points[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def test_points_on_the_own_vehicle_are_barred_however_the_views_were_moved() -> None:
    points, ids = make_cloud(1000)
    points[:, :2] *= 4
    on_ego = (points[:, 0].abs() < 1.5) & (points[:, 1].abs() < 1.5)
    # 40 degrees about z, mirrored, 1.1 times as large and shifted by more than a meter.
    cos, sin = math.cos(math.radians(40)), math.sin(math.radians(40))
    matrix = torch.tensor(
        [[-cos, sin, 0, 1.4], [sin, cos, 0, -1.3], [0, 0, 1, 0.2], [0, 0, 0, 1]]
    ) * torch.tensor([1.1, 1.1, 1.1, 1])
    views = [moved_by(points, matrix), points]
    sampler = make_sampler(num_rich=20000, num_less=20000, ego_half_width=1.5)
    for drawn in (
        sampler.draw(views, ids, 0, matrix.double().numpy()),
        sampler.draw([points], ids, 0),
    ):
        assert set(drawn.tolist()) == set((~on_ego).nonzero().squeeze(1).tolist())
    assert 50 < on_ego.sum() < 500
    everywhere = make_sampler(num_rich=20000, num_less=20000).draw(views, ids, 0, matrix.numpy())
    assert len(everywhere.unique()) == 1000


def test_a_point_at_the_half_width_or_beside_it_is_drawn() -> None:
    points = torch.tensor([[1.5, 0, 0, 0, 0], [0, -1.5, 0, 0, 0], [1.4, 9, 0, 0, 0]])
    points = torch.cat([points, torch.tensor([[1.49, -1.49, 0, 0, 0.0]])])
    sampler = make_sampler(num_rich=0, num_less=100, ego_half_width=1.5)
    rows = sampler.draw([points], torch.full((4,), -1), seed=0)
    assert rows.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("width", [-1.0, math.inf, math.nan])
def test_rejects_half_widths_that_are_no_distance(width: float) -> None:
    with pytest.raises(ValueError, match="ego_half_width must be a distance in m from 0 on"):
        make_sampler(ego_half_width=width)


def test_rejects_negative_numbers_and_builds_from_a_config() -> None:
    settings = dict(type="RegionSampler", point_cloud_range=RANGE)
    assert TASK_UTILS.build(settings).num_rich == 1024
    with pytest.raises(ValueError, match="num_less must be at least 0, but got -1"):
        TASK_UTILS.build(dict(**settings, num_less=-1))
    with pytest.raises(ValueError, match="point_cloud_range must be 6 numbers"):
        RegionSampler((0.0, 1.0))
