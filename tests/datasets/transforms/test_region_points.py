"""Points that are drawn, and their frequency."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perception_kd.datasets.transforms import SampleRegionPoints
from perception_kd.datasets.transforms.base import take_rows
from perception_kd.datasets.transforms.region_points import find_seen
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample

RANGE = (-10.0, -10.0, -2.0, 10.0, 10.0, 2.0)


def make_sample(num_points: int = 100) -> Sample:
    """Make points in range: half in region 0, a tenth in 1, the others in none."""
    points = np.random.default_rng(0).uniform(-1, 1, (num_points, 5)).astype(np.float32)
    points[:, 4] = 0
    row = np.arange(num_points)
    ids = np.where(row % 2 == 0, 0, np.where(row % 10 == 1, 1, -1)).astype(np.int32)
    return {"points": points, "region_ids": ids}


def sample_rows(sample: Sample, seed: int = 0, **settings: Any) -> NDArray[np.int64]:
    sample = {**sample, "rng": np.random.default_rng(seed)}
    sampled = SampleRegionPoints(RANGE, **settings)(sample)
    assert sampled is not None
    rows: NDArray[np.int64] = sampled["sampled_points"]
    assert rows.dtype == np.int64
    return rows


def test_enough_points_are_drawn_without_replacement() -> None:
    sample = make_sample()
    ids = sample["region_ids"]
    rows = sample_rows(sample, num_region_points=30, num_background_points=20)
    assert len(np.unique(rows)) == len(rows) == 50
    assert (ids[rows[:30]] >= 0).all()
    assert (ids[rows[30:]] < 0).all()
    all_in_regions = sample_rows(sample, num_region_points=60, num_background_points=0)
    assert sorted(all_in_regions) == np.flatnonzero(ids >= 0).tolist()


def test_too_few_points_are_drawn_with_replacement() -> None:
    sample = make_sample()
    rows = sample_rows(sample)
    assert len(rows) == 2048
    assert (sample["region_ids"][rows[:1024]] >= 0).all()
    assert len(np.unique(rows[:1024])) == 60  # 1024 draws miss none of 60
    assert len(np.unique(rows[1024:])) == 40


def make_seen_sample() -> Sample:
    """Points around two cameras at the LiDAR, one ahead (y), one to the right (x)."""
    points = np.random.default_rng(0).uniform(-9, 9, (400, 5)).astype(np.float32)
    points[:, 4] = 0
    ahead = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    right = np.array([[0, -1.0, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    cam2img = np.array([[20.0, 0, 15], [0, 20, 11], [0, 0, 1]])
    imgs = [np.zeros((24, 32, 3), np.uint8), np.zeros((20, 28, 3), np.uint8)]
    return {
        "points": points,
        "region_ids": np.arange(400, dtype=np.int32) % 3,
        "imgs": imgs,
        "lidar2cam": np.stack([ahead, right]),
        "cam2img": np.stack([cam2img] * 2),
    }


def is_seen(point: NDArray[np.float64], sample: Sample, moved: NDArray[np.float64]) -> bool:
    """Return whether a point lies in an image, one step at a time."""
    for view, img in enumerate(sample["imgs"]):
        x, y, z, _ = sample["lidar2cam"][view] @ [*point, 1.0]
        if z <= 1:
            continue
        pixel = sample["cam2img"][view] @ [x / z, y / z, 1.0]
        u, v, _ = moved @ pixel
        if -0.5 <= u < img.shape[1] - 0.5 and -0.5 <= v < img.shape[0] - 0.5:
            return True
    return False


def test_seen_points_are_those_of_a_naive_projection() -> None:
    sample = make_seen_sample()
    measured = sample["points"][:, :3].astype(np.float64)
    expected = [is_seen(point, sample, np.eye(3)) for point in measured]
    assert 10 < sum(expected) < 200
    assert find_seen(sample).tolist() == expected
    rows = sample_rows(sample, num_region_points=2000, seen_only=True)
    assert set(rows) == set(np.flatnonzero(expected).tolist()) & set(sample_rows(sample))


def test_augmented_points_are_seen_in_augmented_images() -> None:
    sample = make_seen_sample()
    measured = sample["points"][:, :3].astype(np.float64)
    turn = np.array([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 0.5], [0, 0, 0, 1]])
    moved = np.array([[-1.2, 0, 30], [0, 1.2, -3], [0, 0, 1]])
    augmented = sample["points"].copy()
    augmented[:, :3] = measured @ turn[:3, :3].T + turn[:3, 3]
    changed: Sample = {
        **sample,
        "points": augmented,
        "lidar_aug_matrix": turn,
        "img_aug_matrix": np.stack([moved] * 2),
    }
    expected = [is_seen(point, sample, moved) for point in measured]
    assert (find_seen(changed) == expected).mean() > 0.99  # points are rounded to float32


def test_points_without_images_are_refused() -> None:
    with pytest.raises(ValueError, match="seen_only needs images"):
        sample_rows(make_sample(), seen_only=True)


def test_points_out_of_range_in_any_copy_are_never_drawn() -> None:
    points = make_sample()["points"]
    moved = points.copy()
    moved[:10, 0] = 10.0  # the upper end is out
    moved[10:20, 2] = -2.1
    moved[20:30, 1] = -10.0  # the lower end is in
    for copies in ([points, moved], [moved, points]):
        rows = sample_rows({**make_sample(), "cloud_views": copies})
        assert set(rows) == set(range(20, 100))


def test_points_of_earlier_sweeps_are_never_drawn() -> None:
    sample = make_sample()
    sample["points"][50:, 4] = 0.05
    assert set(sample_rows(sample)) == set(range(50))


def test_without_regions_all_points_are_background() -> None:
    sample = make_sample()
    del sample["region_ids"]
    rows = sample_rows(sample, num_region_points=30, num_background_points=100)
    assert sorted(rows) == list(range(100))


def test_the_generator_of_the_sample_alone_fixes_the_draw() -> None:
    sample = make_sample()
    torch.manual_seed(1)
    first = sample_rows(sample, seed=5)
    torch.manual_seed(2)
    assert np.array_equal(sample_rows(sample, seed=5), first)
    assert not np.array_equal(sample_rows(sample, seed=6), first)


def test_the_draw_is_torchs_from_one_seed_of_the_generator() -> None:
    seed = int(np.random.default_rng(3).integers(2**31))
    generator = torch.Generator().manual_seed(seed)
    sample = make_sample()
    in_region = np.flatnonzero(sample["region_ids"] >= 0)
    first = in_region[torch.randperm(60, generator=generator)[:4].numpy()]
    rows = sample_rows(sample, seed=3, num_region_points=4, num_background_points=1)
    assert rows[:4].tolist() == first.tolist()


@pytest.mark.parametrize(("balanced", "share"), [(False, 1 / 6), (True, 1 / 2)])
def test_regions_are_drawn_by_size_or_equally_often(balanced: bool, share: float) -> None:
    sample = make_sample()
    rows = sample_rows(
        sample, num_region_points=6000, num_background_points=0, region_balanced=balanced
    )
    # Five standard deviations of a binomial share.
    assert (sample["region_ids"][rows] == 1).mean() == pytest.approx(share, abs=0.033)


def test_balanced_draws_repeat_no_point_where_there_are_enough() -> None:
    settings: dict[str, Any] = dict(num_region_points=60, num_background_points=5)
    rows = sample_rows(make_sample(), region_balanced=True, **settings)
    assert len(np.unique(rows)) == 65


@pytest.mark.parametrize("balanced", [False, True])
def test_a_part_without_points_is_left_out(balanced: bool) -> None:
    sample = make_sample()
    ids = sample["region_ids"]
    settings: dict[str, Any] = dict(
        num_region_points=8, num_background_points=4, region_balanced=balanced
    )
    assert len(sample_rows({**sample, "region_ids": np.full_like(ids, -1)}, **settings)) == 4
    assert len(sample_rows({**sample, "region_ids": np.zeros_like(ids)}, **settings)) == 8
    assert len(sample_rows(make_sample(0), **settings)) == 0
    none = {**settings, "num_region_points": 0, "num_background_points": 0}
    assert len(sample_rows(sample, **none)) == 0


def test_a_single_point_is_drawn_repeatedly() -> None:
    rows = sample_rows(make_sample(1), num_region_points=8, num_background_points=8)
    assert rows.tolist() == [0] * 8


def test_ego_returns_are_found_in_the_unaugmented_frame() -> None:
    sample = make_sample(1000)
    points = sample["points"]
    points[:, :2] *= 4
    on_ego = (np.abs(points[:, :2]) < 1.5).all(axis=1)
    # 40 degrees about z, mirrored, 1.1 times as large and shifted by more than a meter.
    cos, sin = math.cos(math.radians(40)), math.sin(math.radians(40))
    matrix = np.array([[-cos, sin, 0, 1.4], [sin, cos, 0, -1.3], [0, 0, 1, 0.2], [0, 0, 0, 1]])
    matrix *= [1.1, 1.1, 1.1, 1]
    moved = points.copy()
    moved[:, :3] = points[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    augmented: Sample = {**sample, "cloud_views": [moved, points], "lidar_aug_matrix": matrix}
    settings: dict[str, Any] = dict(num_region_points=20000, num_background_points=20000)
    for given in (augmented, sample):
        drawn = sample_rows(given, ego_half_width=1.5, **settings)
        assert set(drawn) == set(np.flatnonzero(~on_ego))
    assert 50 < on_ego.sum() < 500
    assert len(np.unique(sample_rows(augmented, **settings))) == 1000


def test_a_point_at_or_beyond_the_half_width_is_drawn() -> None:
    xy = [[1.5, 0], [0, -1.5], [1.4, 9], [1.49, -1.49]]
    points = np.array([[*position, 0, 0, 0] for position in xy], np.float32)
    rows = sample_rows({"points": points}, num_background_points=100, ego_half_width=1.5)
    assert np.unique(rows).tolist() == [0, 1, 2]


@pytest.mark.parametrize("width", [-1.0, math.inf, math.nan])
def test_half_widths_that_are_no_distance_are_refused(width: float) -> None:
    with pytest.raises(ValueError, match=r"ego_half_width must be finite and >= 0 \(m\), got"):
        SampleRegionPoints(RANGE, ego_half_width=width)


def test_negative_numbers_are_refused() -> None:
    settings = dict(type="SampleRegionPoints", point_cloud_range=RANGE)
    assert TRANSFORMS.build(settings).num_region_points == 1024
    with pytest.raises(ValueError, match="num_background_points must be at least 0, but got -1"):
        TRANSFORMS.build(dict(**settings, num_background_points=-1))
    with pytest.raises(ValueError, match="point_cloud_range must be 6 numbers"):
        SampleRegionPoints((0.0, 1.0))


def test_points_may_not_be_shuffled_after_the_draw() -> None:
    sample: Sample = {**make_sample(), "sampled_points": np.arange(5)}
    with pytest.raises(ValueError, match="put SampleRegionPoints directly before packing"):
        take_rows(sample, np.arange(100)[::-1])
