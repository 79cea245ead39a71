"""Pieces of superpixels against their definition in loops."""

import numpy as np
import pytest

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.joint.pieces import (
    Pieces,
    ViewPairs,
    gather_point_regions,
    label_points,
    split_superpixels,
)
from perception_kd.regions.joint.settings import JointSettings
from tests.regions.scene import GROUND_Z, make_box, make_ground

GROUND, NOISE = int(NoRegion.GROUND), int(NoRegion.NOISE)


def draw_view(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Draw superpixels of 12 x 16 px, pixels of points, and labels."""
    rng = np.random.default_rng(seed)
    superpixels = np.kron(np.arange(6).reshape(2, 3) - 1, np.ones((6, 6), int))[:, :16]
    rows_cols = np.column_stack([rng.integers(0, 12, 40), rng.integers(0, 12, 40)])
    return superpixels, rows_cols, rng.choice([NOISE, GROUND, 0, 1, 7], 40)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("min_points", [1, 3])
def test_pieces_equal_their_definition_in_loops(seed: int, min_points: int) -> None:
    superpixels, rows_cols, labels = draw_view(seed)
    pieces = split_superpixels(superpixels, rows_cols, labels, min_points)
    owners = superpixels[tuple(rows_cols.T)]
    things = list(zip(owners.tolist(), labels.tolist(), strict=True))
    kept = sorted(
        thing
        for thing in set(things)
        if thing[0] >= 0 and thing[1] != NOISE and things.count(thing) >= min_points
    )
    assert pieces.of_pairs.tolist() == [kept.index(t) if t in kept else -1 for t in things]
    assert len(kept) >= 3
    for row, col in np.ndindex(superpixels.shape):
        owner, found = superpixels[row, col], pieces.superpixels[row, col]
        near = [
            (float(np.hypot(*(rows_cols[i] - (row, col)))), int(pieces.of_pairs[i]))
            for i in range(40)
            if owners[i] == owner and pieces.of_pairs[i] >= 0
        ]
        if near:
            nearest = min(near)[0]
            assert found in {piece for distance, piece in near if distance == nearest}
        else:
            assert (found >= len(kept)) == (owner >= 0 and owner not in owners)


def test_a_superpixel_without_points_stays_whole() -> None:
    superpixels = np.array([[0, 0, 1, 1], [-1, 2, 2, 2]])
    none = np.zeros((0, 2), np.int64)
    pieces = split_superpixels(superpixels, none, np.zeros(0, np.int32))
    assert pieces.superpixels.tolist() == superpixels.tolist()
    # Too few points: no one knows what it shows.
    pieces = split_superpixels(superpixels, np.array([[0, 0]]), np.array([3]))
    assert pieces.superpixels.tolist() == [[-1, -1, 0, 0], [-1, 1, 1, 1]]
    assert pieces.of_pairs.tolist() == [-1]


def test_a_superpixel_is_split_between_its_points() -> None:
    superpixels = np.zeros((1, 6), int)
    rows_cols = np.array([[0, 0], [0, 1], [0, 5]])
    pieces = split_superpixels(superpixels, rows_cols, np.array([4, 4, GROUND]), min_points=1)
    assert pieces.superpixels.tolist() == [[1, 1, 1, 1, 0, 0]] or (
        pieces.superpixels.tolist() == [[1, 1, 1, 0, 0, 0]]  # column 3 is as near to both
    )
    assert pieces.of_pairs.tolist() == [1, 1, 0]


def test_a_hidden_point_keeps_its_own_piece() -> None:
    rows_cols = np.array([[0, 0], [0, 0], [0, 1]])
    pieces = split_superpixels(np.zeros((1, 2), int), rows_cols, np.array([0, 1, 1]), 1)
    assert pieces.of_pairs.tolist() == [0, 1, 1]
    assert pieces.superpixels[0, 1] == 1


def test_points_are_on_the_ground_or_in_a_cluster() -> None:
    ground = make_ground((-20, 20), (-20, 20))
    first, second = (make_box((8, y), (4.0, 1.8, 1.6)) for y in (6, -6))
    points = np.concatenate([ground, first, second, [[np.nan, 0, 0]]])
    labels = label_points(points, JointSettings())
    ends = np.cumsum([len(ground), len(first), len(second)])
    on_ground, on_first, on_second, broken = np.split(labels, ends)
    assert set(on_ground) == {GROUND}
    assert set(on_first) == {0}
    assert set(on_second) == {1}
    assert broken.tolist() == [NOISE]


def test_a_branch_over_a_car_is_another_cluster() -> None:
    heights = GROUND_Z + np.array([0.5, 0.9, 1.3, 3.0, 3.4])
    column = np.column_stack([np.full((5, 2), 9.0), heights])
    points = np.concatenate([make_ground((-20, 20), (-20, 20)), column])
    assert label_points(points, JointSettings())[-5:].tolist() == [0, 0, 0, 1, 1]


def test_points_have_the_piece_of_their_first_image() -> None:
    labels = np.array([0, 0, 1, 1, 2, GROUND, GROUND, NOISE], np.int32)
    empty = np.zeros((1, 1), np.int32)

    def view(points: list[int], pieces: list[int]) -> tuple[ViewPairs, Pieces]:
        rows = np.array(points)
        return ViewPairs(rows, np.zeros((len(rows), 2), int)), Pieces(
            empty, np.array(pieces, np.int32)
        )

    views = [view([0, 5], [1, 0]), view([0, 1, 7], [0, 1, -1])]
    # Points 2 and 3 are a cluster in no image; 4 is alone, 6 is ground in no image.
    found = gather_point_regions(labels, views, min_points=2)
    assert found.tolist() == [1, 2, 3, 3, NOISE, 0, GROUND, NOISE]


def test_rejects_settings_of_pieces() -> None:
    with pytest.raises(ValueError, match="link_distance must be positive, but got 0"):
        JointSettings(link_distance=0)
    with pytest.raises(ValueError, match="min_piece_points must be at least 1, but got 0"):
        JointSettings(min_piece_points=0)
    with pytest.raises(ValueError, match=r"labels must have shape \(1,\), but got \(2,\)"):
        split_superpixels(np.zeros((1, 1), int), np.zeros((1, 2), int), np.zeros(2, int))
