"""Regions of sweeps: a street made by hand, invariances, and points of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from tests.regions.scene import Points, make_box, make_ground, make_parts

EXPECTED = {
    "ground": {NoRegion.GROUND},
    "car": {0},
    "van": {1},
    "house": {NoRegion.TOO_HIGH},
    "fence": {NoRegion.TOO_THIN},
    "bus": {NoRegion.TOO_LARGE},
    "ego": {NoRegion.EGO_STRIP},
    "post": {NoRegion.TOO_SMALL},
}


def test_only_cars_of_a_street_are_regions() -> None:
    parts = make_parts()
    region_ids = make_regions(np.concatenate([*parts.values()]))
    assert region_ids.dtype == np.int32
    start = 0
    for name, points in parts.items():
        assert set(region_ids[start : start + len(points)].tolist()) == EXPECTED[name], name
        start += len(points)


def test_the_order_of_the_points_changes_only_the_numbers() -> None:
    points = np.concatenate([*make_parts().values()])
    order = np.random.default_rng(0).permutation(len(points))
    before, after = make_regions(points)[order], make_regions(points[order])
    pairs = set(zip(before.tolist(), after.tolist(), strict=True))
    assert len(pairs) == len(set(before.tolist()))
    assert {pair for pair in pairs if pair[0] < 0} == {(r, r) for r in set(before[before < 0])}


@pytest.mark.parametrize("signs", [(1, -1, 1), (-1, -1, 1)], ids=["mirrored", "turned by 180"])
def test_the_side_of_the_vehicle_makes_no_difference(signs: tuple[int, int, int]) -> None:
    points = np.concatenate([*make_parts().values()])
    expected = make_regions(points)
    assert expected.max() == 1
    assert np.array_equal(make_regions(points * np.array(signs, float)), expected)


def test_further_columns_do_not_matter_and_nothing_is_edited() -> None:
    points = np.concatenate([*make_parts().values()]).astype(np.float32)
    wide = np.column_stack([points, np.arange(len(points)), np.full(len(points), np.nan)])
    wide.flags.writeable = False
    assert np.array_equal(make_regions(wide), make_regions(points))


def test_no_points_have_no_region() -> None:
    assert make_regions(np.zeros((0, 5), np.float32)).shape == (0,)


def test_ground_alone_has_no_region() -> None:
    assert set(make_regions(make_ground((-50, 50), (-20, 20)))) == {NoRegion.GROUND}


def test_all_points_of_a_small_slice_are_clustered() -> None:
    car = make_box((8, 10), (1.0, 1.0, 1.6))
    few = np.concatenate([car[:44], [[30.0, 30.0, -1.8]]])
    assert len(few) < RegionSettings().min_slice_points
    assert make_regions(few).tolist() == [0] * 44 + [NoRegion.NOISE]


def test_points_that_are_not_finite_are_in_no_region() -> None:
    points = np.concatenate([*make_parts().values()])
    broken = np.array([[np.nan, 10, 0], [8, np.inf, 0], [8, 10, -np.inf], [np.nan] * 3])
    region_ids = make_regions(np.concatenate([broken, points]))
    assert region_ids[:4].tolist() == [NoRegion.NOISE] * 4
    assert np.array_equal(region_ids[4:], make_regions(points))


def test_regions_follow_the_sensor_height() -> None:
    points = np.concatenate([*make_parts().values()])
    on_the_ground = points + np.array([0, 0, 1.84])
    waymo = RegionSettings(sensor_height=0.0)
    assert np.array_equal(make_regions(on_the_ground, waymo), make_regions(points))


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 120), st.just(3)),
        elements=st.floats(-60, 60, width=32) | st.sampled_from([0.0, -1.75, np.nan, np.inf]),
    )
)
def test_any_points_get_ids_without_gaps(points: NDArray[np.float32]) -> None:
    region_ids = make_regions(points)
    assert region_ids.shape == (len(points),)
    present = set(region_ids.tolist())
    assert {i for i in present if i >= 0} == set(range(region_ids.max(initial=-1) + 1))
    assert {i for i in present if i < 0} <= set(NoRegion)


@pytest.mark.parametrize("shape", [(4, 2), (4,)])
def test_rejects_other_shapes(shape: tuple[int, ...]) -> None:
    points: Points = np.zeros(shape)
    with pytest.raises(ValueError, match=r"points.* must have shape"):
        make_regions(points)
