"""Dropping and shuffling points: pairs follow, rules of acceptance, bounds."""

from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.transforms.point_selection import (
    CropToDisc,
    CropToRange,
    Cuboid,
    DropCuboids,
    ShufflePoints,
)
from perception_kd.registry import TRANSFORMS
from tests.datasets.transforms.marked_sample import freeze, make_sample, sample_at


def test_dropping_points_moves_pairs_labels_and_rows_along() -> None:
    # The middle one of three points goes; its pair goes; the last point is now row 1.
    sample = sample_at(
        (0, 0, 0),
        (5, 0, 0),
        (9, 0, 0),
        pts_semantic_mask=np.array([4, 5, 6]),
        imgs=[np.zeros((4, 4, 3), np.uint8)],
        pairing_points=np.array([2, 1, 0, 2]),
        pairing_images=np.array([[0, 1, 1], [0, 2, 2], [0, 3, 3], [0, 0, 1]]),
    )
    dropped = DropCuboids(min_pairs=1).apply(sample, Cuboid(np.array([5.0, 0, 0]), np.ones(3)))
    assert dropped is not None
    assert dropped["points"][:, 0].tolist() == [0, 9]
    assert dropped["original_points"].tolist() == [0, 2]
    assert dropped["pts_semantic_mask"].tolist() == [4, 6]
    assert dropped["pairing_points"].tolist() == [1, 0, 1]
    assert dropped["pairing_images"].tolist() == [[0, 1, 1], [0, 3, 3], [0, 0, 1]]


def test_only_points_strictly_inside_the_box_go() -> None:
    cuboid = Cuboid(np.zeros(3), np.array([1.0, 2.0, 3.0]))
    inside, outside = (0.5, -1.5, 2.5), [(1, 0, 0), (0, 2, 0), (0, 0, -3), (0.5, 2.5, 0)]
    dropped = DropCuboids().apply(sample_at(inside, *outside), cuboid)
    assert dropped is not None
    assert dropped["points"][:, :3].tolist() == [list(map(float, p)) for p in outside]


def test_the_box_is_a_fraction_of_the_extent_around_a_point() -> None:
    sample = sample_at((0, 0, 0), (10, 0, 0), (0, 20, 0), (0, 0, 40))
    rng = np.random.default_rng(0)
    boxes = [DropCuboids(max_fraction=0.2).draw(sample, rng) for _ in range(500)]
    fractions = np.array([2 * box.half_size / (10, 20, 40) for box in boxes])
    assert np.ptp(fractions, axis=1).max() < 1e-12
    assert fractions.min() == pytest.approx(0, abs=0.01)
    assert fractions.max() == pytest.approx(0.2, abs=0.01)
    centers = {tuple(box.center) for box in boxes}
    assert centers == {(0, 0, 0), (10, 0, 0), (0, 20, 0), (0, 0, 40)}


@pytest.mark.parametrize(("min_pairs", "num_left"), [(2, 3), (3, 4)])
def test_the_box_is_undone_when_one_image_keeps_too_few_pairs(
    min_pairs: int, num_left: int
) -> None:
    # Without point 0, view 0 keeps 2 pairs and view 2 keeps 3; view 1 is blind.
    sample = sample_at(
        *[(float(10 * i), 0.0, 0.0) for i in range(4)],
        imgs=[np.zeros((4, 4, 3), np.uint8)] * 3,
        pairing_points=np.array([0, 1, 2, 1, 2, 3]),
        pairing_images=np.array([[view, 0, 0] for view in (0, 0, 0, 2, 2, 2)]),
    )
    result = DropCuboids(min_pairs=min_pairs).apply(sample, Cuboid(np.zeros(3), np.ones(3)))
    assert result is not None
    assert len(result["points"]) == num_left
    assert len(result["pairing_points"]) == num_left + 2


def test_an_image_with_too_few_pairs_prevents_dropping() -> None:
    sample = sample_at(
        (0, 0, 0),
        (10, 0, 0),
        imgs=[np.zeros((4, 4, 3), np.uint8)],
        pairing_points=np.array([1]),
        pairing_images=np.array([[0, 0, 0]]),
    )
    result = DropCuboids().apply(sample, Cuboid(np.zeros(3), np.ones(3)))
    assert result is sample


def test_the_disc_includes_its_rim_and_both_heights() -> None:
    inside = [(3, 4, 0), (-5, 0, 1), (0, 0, -1)]
    outside = [(4, 4, 0), (0, 0, 1.01), (0, 0, -1.01), (3.01, 4, 0)]
    cropped = CropToDisc(5.0, (-1.0, 1.0))(sample_at(*inside, *outside))
    assert cropped is not None
    assert cropped["original_points"].tolist() == [0, 1, 2]


def test_the_range_includes_its_lower_but_not_its_upper_bounds() -> None:
    inside, outside = [(-1, -2, -3), (0.99, 1.99, 2.99)], [(1, 0, 0), (0, 2, 0), (0, 0, 3)]
    cropped = CropToRange([-1, -2, -3, 1, 2, 3])(sample_at(*inside, *outside))
    assert cropped is not None
    assert cropped["original_points"].tolist() == [0, 1]


def test_without_points_the_sample_is_dropped() -> None:
    assert CropToDisc(1.0, (-1.0, 1.0))(sample_at((5, 5, 5))) is None
    assert CropToRange([0, 0, 0, 1, 1, 1])(sample_at((5, 5, 5))) is None


def test_shuffled_points_keep_their_labels_and_pairs() -> None:
    # The intensity of a marked point is its row, its class that modulo 7.
    sample = make_sample()
    shuffled = ShufflePoints()(freeze(sample))
    assert shuffled is not None
    rows = shuffled["points"][:, 3].astype(int)
    assert sorted(rows) == list(range(400))
    assert (rows != np.arange(400)).mean() > 0.9
    assert np.array_equal(shuffled["original_points"], rows)
    assert np.array_equal(shuffled["pts_semantic_mask"], rows % 7)
    assert np.array_equal(rows[shuffled["pairing_points"]], sample["pairing_points"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="DropCuboids", max_fraction=1), r"max_fraction must be in \[0, 1\)"),
        (dict(type="CropToDisc", radius=0, z_range=(0, 1)), "radius must be positive"),
        (dict(type="CropToRange", point_cloud_range=[0, 0, 0]), "point_cloud_range must be"),
    ],
)
def test_rejects_settings_out_of_range(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)
