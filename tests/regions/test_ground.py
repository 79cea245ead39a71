"""Ground: planes of known tilt, the algorithm in plain steps, points without ground."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from perception_kd.regions.ground import find_ground, fit_ground, fit_plane
from perception_kd.regions.settings import RegionSettings
from tests.regions.scene import GROUND_Z, Points, make_ground, make_parts

SETTINGS = RegionSettings()


def make_slope(slope_x: float, slope_y: float, seed: int = 0, num_points: int = 400) -> Points:
    """Return points on z = ground + slope_x * x + slope_y * y within one slice."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform((-4, -15), (6, 15), (num_points, 2))
    return np.column_stack([xy, GROUND_Z + xy @ (slope_x, slope_y)])


def find_ground_in_steps(points: Points, num_iterations: int) -> list[bool]:
    """Return the ground of one slice, as methods describe it, point by point."""
    heights = sorted(z for _, _, z in points if z >= -1.84 - 0.5)
    mean_of_lowest = sum(heights[:50]) / len(heights[:50])
    seeds = [p for p in points if -1.84 - 0.5 <= p[2] < mean_of_lowest + 0.5]
    for _ in range(num_iterations):
        mean = np.mean(seeds, axis=0)
        normal = np.linalg.svd(np.cov(np.array(seeds).T))[0][:, 2]
        normal = normal * np.sign(normal[2])
        d = -normal @ mean
        seeds = [p for p in seeds if normal @ p < 0.2 - d]
    return [bool(normal @ p < 0.2 - d) for p in points]


@pytest.mark.parametrize(("slope_x", "slope_y"), [(0, 0), (0.03, 0), (0, -0.012), (-0.04, 0.01)])
def test_a_plane_of_known_tilt_is_found(slope_x: float, slope_y: float) -> None:
    # z = c + a x + b y has the normal (-a, -b, 1), scaled to unit length.
    plane = fit_ground(make_slope(slope_x, slope_y), SETTINGS)
    assert plane is not None
    normal = np.array([-slope_x, -slope_y, 1])
    np.testing.assert_allclose(plane.normal, normal / np.linalg.norm(normal), atol=1e-9)
    assert plane.height_of(np.array([[1, 2, GROUND_Z + slope_x + 2 * slope_y]]))[0] == (
        pytest.approx(0, abs=1e-9)
    )


def test_ground_ends_a_fifth_of_a_meter_above_the_plane() -> None:
    ground = make_ground((-4, 6), (-10, 10))
    above = np.array([[0, 0, GROUND_Z + height] for height in (0.18, 0.22, 1.0)])
    is_ground = find_ground(np.concatenate([ground, above]))
    assert is_ground[: len(ground)].all()
    # Three points among 800 lift the plane by less than a millimeter.
    assert is_ground[len(ground) :].tolist() == [True, False, False]


def test_points_below_the_ground_do_not_lower_it() -> None:
    ground = make_ground((-4, 6), (-10, 10))
    echoes = np.tile([1.0, 1.0, GROUND_Z - 3], (60, 1))
    low_car = np.array([[0, 0, GROUND_Z + 0.3]])
    is_ground = find_ground(np.concatenate([ground, echoes, low_car]))
    assert is_ground.tolist() == [True] * (len(ground) + 60) + [False]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_iterations", [1, 2, 5])
def test_equals_the_algorithm_in_plain_steps(seed: int, num_iterations: int) -> None:
    rng = np.random.default_rng(seed)
    ground = make_slope(0.03, -0.01, seed)
    ground[:, 2] += rng.normal(0, 0.08, len(ground))
    things = rng.uniform((-4, -15, -2.6), (6, 15, 2), (300, 3))
    points = np.concatenate([ground, things])
    expected = find_ground_in_steps(points, num_iterations)
    assert 400 < sum(expected) < 600
    found = find_ground(points, RegionSettings(num_iterations=num_iterations))
    assert found.tolist() == expected


def test_each_slice_has_its_own_plane() -> None:
    # Slices end at x = -54, -44, ..., -4, 6, ...; the ground steps up where one does.
    low = make_ground((-3.9, 6), (-10, 10))
    high = make_ground((6, 15.9), (-10, 10)) + np.array([0, 0, 0.6])
    points = np.concatenate([low, high])
    assert find_ground(points).all()
    in_one = find_ground(points, RegionSettings(slice_length=108))
    assert in_one.tolist() == [True] * len(low) + [False] * len(high)


def test_a_slice_with_fewer_than_50_points_has_no_ground() -> None:
    points = make_slope(0.01, 0.01, num_points=50)
    assert find_ground(points).all()
    assert not find_ground(points[1:]).any()


def test_ground_ends_at_54_meters() -> None:
    near = make_ground((46, 54.1), (0, 20))
    assert find_ground(near).all()
    assert find_ground(-near * (1, 1, -1)).all()
    assert not find_ground(near + np.array([8.2, 0, 0])).any()


def test_the_last_slice_may_be_as_long_as_the_others() -> None:
    near, far = make_ground((46, 55.9), (0, 20)), make_ground((56.1, 60), (0, 20))
    whole = RegionSettings(whole_slices=True)
    assert find_ground(near, whole).all()
    assert not find_ground(far, whole).any()
    assert not find_ground(near)[near[:, 0] > 54].any()
    assert not find_ground(-near * (1, 1, -1), whole)[near[:, 0] > 54].any()


@settings(max_examples=50, deadline=None)
@given(
    tilt=st.floats(0, 1.4), azimuth=st.floats(0, 6.28), seed=st.integers(0, 999), flip=st.booleans()
)
def test_the_normal_points_up_and_has_the_least_squares(
    tilt: float, azimuth: float, seed: int, flip: bool
) -> None:
    rng = np.random.default_rng(seed)
    normal = np.array(
        [np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)]
    )
    first = np.cross(normal, [0.3, 0.5, 0.8])
    first /= np.linalg.norm(first)
    within = rng.uniform(-5, 5, (60, 2)) @ np.stack([first, np.cross(normal, first)])
    plane = fit_plane(within * (-1 if flip else 1) + rng.normal(0, 3, 3))
    assert plane is not None
    assert plane.normal[2] >= 0
    np.testing.assert_allclose(plane.normal, normal, atol=1e-6)


def test_the_sign_of_the_eigenvector_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    points = make_slope(0.02, 0.01)
    expected = find_ground(points)
    eigh = np.linalg.eigh

    def flipped(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        values, axes = eigh(matrix)
        return values, -axes

    monkeypatch.setattr(np.linalg, "eigh", flipped)
    assert np.array_equal(find_ground(points), expected)


def test_points_on_a_line_give_no_plane() -> None:
    line = np.linspace(0, 5, 60)[:, None] * (0.5, 2.0, 0.01) + (0, 0, GROUND_Z)
    assert fit_plane(line) is None
    assert fit_plane(line[:2]) is None
    assert not find_ground(line).any()


def test_deep_reflections_give_no_ground() -> None:
    assert not find_ground(make_ground((-4, 6), (-5, 5)) - (0, 0, 1)).any()


@pytest.mark.parametrize("signs", [(1, -1, 1), (-1, -1, 1)], ids=["mirrored", "turned by 180"])
def test_the_side_of_the_vehicle_makes_no_difference(signs: tuple[int, int, int]) -> None:
    # Slices from -54 on are not symmetric about x = 0; those from -50 on are.
    symmetric = RegionSettings(max_x=50.0)
    points = np.concatenate([*make_parts().values()])
    points = points + np.random.default_rng(0).normal(0, 0.03, points.shape)
    inside = points[np.abs(points[:, 0]) < 50]
    expected = find_ground(inside, symmetric)
    assert 0.5 < expected.mean() < 1
    assert np.array_equal(find_ground(inside * signs, symmetric), expected)


def test_no_points_have_no_ground() -> None:
    assert find_ground(np.zeros((0, 3))).shape == (0,)


def test_rejects_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"points must have shape \(N, 3\), but got \(4, 5\)"):
        find_ground(np.zeros((4, 5)))
