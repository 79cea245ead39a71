"""Point transforms: values by hand, pairs that follow, rules of acceptance."""

from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.datasets.transforms.points import (
    CropToDisc,
    CropToRange,
    Cuboid,
    DropCuboids,
    RandomFlipAxis,
    RandomRotateZ,
    RandomScale,
    RandomTranslate,
    ShufflePoints,
    move_points,
)
from perception_kd.registry import TRANSFORMS
from tests.datasets.transforms.marked_sample import freeze, make_sample


def sample_at(*positions: tuple[float, float, float], **more: Any) -> dict[str, Any]:
    points = np.zeros((len(positions), 5), dtype=np.float32)
    points[:, :3] = positions
    sample = {
        "points": points,
        "original_points": np.arange(len(points)),
        "rng": np.random.default_rng(0),
        **more,
    }
    return freeze(sample)


def test_convention_a_positive_angle_turns_x_towards_y() -> None:
    turned = RandomRotateZ().apply(sample_at((1, 0, 5)), np.pi / 2)
    np.testing.assert_allclose(turned["points"][0, :3], [0, 1, 5], atol=1e-6)


def test_angles_fill_the_range_given_in_degrees() -> None:
    rng = np.random.default_rng(0)
    angles = [RandomRotateZ((90.0, 180.0)).draw({}, rng) for _ in range(200)]
    assert min(angles) == pytest.approx(np.pi / 2, abs=0.05)
    assert max(angles) == pytest.approx(np.pi, abs=0.05)


def test_convention_flip_x_negates_x_and_flip_y_negates_y() -> None:
    sample = sample_at((1, 2, 3))
    flip = RandomFlipAxis()
    assert flip.apply(sample, (True, False))["points"][0, :3].tolist() == [-1, 2, 3]
    assert flip.apply(sample, (False, True))["points"][0, :3].tolist() == [1, -2, 3]


def test_flips_are_drawn_independently_with_their_own_probability() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([RandomFlipAxis(p_x=0.2, p_y=0.7).draw({}, rng) for _ in range(4000)])
    x, y = draws.T
    assert x.mean() == pytest.approx(0.2, abs=0.03)
    assert y.mean() == pytest.approx(0.7, abs=0.03)
    assert (x & y).mean() == pytest.approx(0.14, abs=0.03)


def test_scale_multiplies_all_three_axes_and_leaves_the_rest() -> None:
    sample = make_sample()
    scaled = RandomScale((2.0, 2.0))(sample)
    assert scaled is not None
    np.testing.assert_allclose(scaled["points"][:, :3], 2 * sample["points"][:, :3], rtol=1e-6)
    assert np.array_equal(scaled["points"][:, 3:], sample["points"][:, 3:])


def test_a_translation_moves_every_point_alike_and_is_drawn_per_axis() -> None:
    moved = RandomTranslate().apply(sample_at((1, 2, 3), (4, 5, 6)), np.array([0.5, 0.0, -1.0]))
    assert moved["points"][:, :3].tolist() == [[1.5, 2, 2], [4.5, 5, 5]]
    rng = np.random.default_rng(0)
    draws = np.array([RandomTranslate(std=0.5).draw({}, rng) for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), 0.25 * np.eye(3), atol=0.02)


def test_the_aug_matrix_of_a_chain_maps_the_points_as_the_chain_does() -> None:
    sample = make_sample()
    chained: dict[str, Any] = sample
    for transform in (
        RandomRotateZ(),
        RandomTranslate(),
        RandomScale((0.9, 1.1)),
        RandomFlipAxis(),
    ):
        chained = transform(chained) or {}
    matrix = chained["lidar_aug_matrix"]
    expected = sample["points"][:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(chained["points"][:, :3], expected, atol=1e-4)


def test_convention_the_aug_matrix_leads_from_the_unaugmented_frame() -> None:
    # Turned by 90 degrees, (1, 0) is (0, 1); then flipped along y, (0, -1).
    sample = RandomRotateZ().apply(sample_at((1, 0, 0)), np.pi / 2)
    sample = RandomFlipAxis().apply(sample, (False, True))
    moved = sample["lidar_aug_matrix"] @ [1, 0, 0, 1]
    np.testing.assert_allclose(moved, [0, -1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(sample["points"][0, :3], moved[:3], atol=1e-6)


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


def test_the_box_is_one_fraction_of_the_extent_centered_on_a_point() -> None:
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


def test_an_image_that_had_too_few_pairs_from_the_start_forbids_the_box() -> None:
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


def test_a_cloud_with_no_point_left_is_none() -> None:
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


def test_boxes_and_the_matrix_move_without_a_cloud() -> None:
    moved = RandomScale().apply({"gt_bboxes_3d": make_boxes(np.ones((1, 9)))}, 2.0)
    assert set(moved) == {"gt_bboxes_3d", "lidar_aug_matrix"}
    assert moved["gt_bboxes_3d"].gravity_center.tolist() == [[2, 2, 2]]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="RandomRotateZ", range_deg=(1, 0)), "range_deg must be two numbers in asc"),
        (dict(type="RandomFlipAxis", p_x=1.5), r"p_x must be in \[0, 1\], but got 1.5"),
        (dict(type="RandomScale", scale_range=(0, 1)), "scale_range must be positive"),
        (dict(type="RandomTranslate", std=-1.0), "std must not be negative, but got -1.0"),
        (dict(type="DropCuboids", max_fraction=1), r"max_fraction must be in \[0, 1\)"),
        (dict(type="CropToDisc", radius=0, z_range=(0, 1)), "radius must be positive"),
        (dict(type="CropToRange", point_cloud_range=[0, 0, 0]), "point_cloud_range must be"),
    ],
)
def test_rejects_settings_out_of_range(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)


def test_rejects_a_matrix_without_translation() -> None:
    with pytest.raises(ValueError, match=r"matrix must have shape \(4, 4\), but got \(3, 3\)"):
        move_points(sample_at((1, 2, 3)), np.eye(3))
