"""DBSCAN against loops and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN

from perception_kd.regions.dbscan import cluster_points


def cluster_in_loops(positions: NDArray[np.float64], eps: float, min_points: int) -> list[int]:
    """Return DBSCAN's clusters, grown one after the other from the first core point."""
    number = len(positions)
    near = [
        [j for j in range(number) if np.linalg.norm(positions[i] - positions[j]) <= eps]
        for i in range(number)
    ]
    clusters = [-1] * number
    current = 0
    for i in range(number):
        if clusters[i] >= 0 or len(near[i]) < min_points:
            continue
        clusters[i] = current
        reached = [i]
        while reached:
            core = reached.pop()
            for j in near[core]:
                if clusters[j] < 0:
                    clusters[j] = current
                    if len(near[j]) >= min_points:
                        reached.append(j)
        current += 1
    return clusters


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("min_points", [1, 3, 5])
@pytest.mark.parametrize("size", [(7, 7), (3, 3, 3)])
def test_equals_dbscan_in_loops(seed: int, min_points: int, size: tuple[float, ...]) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, size, (80, len(size)))
    expected = cluster_in_loops(positions, 0.75, min_points)
    assert max(expected) >= 0
    assert cluster_points(positions, 0.75, min_points).tolist() == expected


def test_convention_a_point_counts_as_its_own_neighbor() -> None:
    spot = np.zeros((5, 2))
    assert cluster_points(spot, 0.75, 5).tolist() == [0] * 5
    assert cluster_points(spot[1:], 0.75, 5).tolist() == [-1] * 4


def test_neighbors_are_up_to_eps_apart() -> None:
    for gap, number in ((0.74, 1), (0.76, 2)):
        two = np.repeat([[0.0, 0.0], [gap, 0.0]], 5, axis=0)
        assert cluster_points(two, 0.75, 5).max() + 1 == number


def test_neighbors_across_the_corner_of_a_square_are_joined() -> None:
    # Squares of 0.707 m: the groups are at (0, 0) and (2, 2), and 0.9999 m apart.
    for far, number in ((1.41401, 1), (1.41421, 2)):
        two = np.repeat([[0.70699, 0.70699], [far, far]], 5, axis=0)
        assert cluster_points(two, 1.0, 5).max() + 1 == number


def test_no_points_have_no_cluster() -> None:
    assert cluster_points(np.zeros((0, 2)), 0.75, 5).shape == (0,)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_points=st.integers(1, 400),
    num_spots=st.integers(0, 9),
    eps=st.floats(0.1, 2),
    min_points=st.integers(1, 9),
)
def test_equals_scikit_learn(
    seed: int, num_points: int, num_spots: int, eps: float, min_points: int
) -> None:
    # Spread points among dense spots, on both sides of the origin.
    rng = np.random.default_rng(seed)
    spots = rng.uniform(-9, 9, (num_spots, 1, 2)) + rng.normal(0, 0.3, (num_spots, 50, 2))
    positions = np.concatenate([rng.uniform(-9, 9, (num_points, 2)), spots.reshape(-1, 2)])
    positions = rng.permutation(positions)
    expected = DBSCAN(eps=eps, min_samples=min_points).fit_predict(positions)
    assert np.array_equal(cluster_points(positions, eps, min_points), expected)


def test_a_point_between_two_clusters_joins_the_first() -> None:
    # One core on each side is near the middle: with it and three points beyond it has
    # five neighbors. The middle has three, and is not a core.
    between = np.array([[0.0, 0.0]])
    right = np.array([[0.7, 0.0], [1.2, 0.0], [1.2, 0.0], [1.2, 0.0]])
    for second in (1, -1):
        positions = np.concatenate([between, second * right, -second * right])
        assert cluster_points(positions, 0.75, 5).tolist() == [0] * 5 + [1] * 4


def test_rejects_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"positions must have shape \(N, 2\), but got \(4, 4\)"):
        cluster_points(np.zeros((4, 4)), 0.75, 5)
    with pytest.raises(ValueError, match="eps must be positive, but got 0"):
        cluster_points(np.zeros((4, 2)), 0, 5)
    with pytest.raises(ValueError, match="min_points must be at least 1, but got 0"):
        cluster_points(np.zeros((4, 2)), 0.75, 0)


def test_cubes_are_joined_across_their_corners() -> None:
    # Two apart along each axis, the corners that face each other 0.9994 m.
    positions = np.array([[0.577 - 1e-9] * 3, [2 * 0.577] * 3])
    assert np.floor(positions / 0.577).tolist() == [[0, 0, 0], [2, 2, 2]]
    assert cluster_points(positions, 1.0, 1).tolist() == [0, 0]
    assert cluster_points(positions, 0.999, 1).tolist() == [0, 1]
