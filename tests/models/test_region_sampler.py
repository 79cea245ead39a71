"""Which points are drawn, and how often."""

from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd.models.region_sampler import RegionSampler
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


def test_rejects_negative_numbers_and_builds_from_a_config() -> None:
    settings = dict(type="RegionSampler", point_cloud_range=RANGE)
    assert TASK_UTILS.build(settings).num_rich == 1024
    with pytest.raises(ValueError, match="num_less must be at least 0, but got -1"):
        TASK_UTILS.build(dict(**settings, num_less=-1))
    with pytest.raises(ValueError, match="point_cloud_range must be 6 numbers"):
        RegionSampler((0.0, 1.0))
