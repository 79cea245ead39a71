"""Augmentation of points: values by hand, and ``lidar_aug_matrix``."""

from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.datasets.transforms.points import (
    RandomFlipAxis,
    RandomRotateZ,
    RandomScale,
    RandomTranslate,
    move_points,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import make_sample, sample_at


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


def test_flips_of_x_and_y_are_independent() -> None:
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


def test_a_translation_is_the_same_for_all_points() -> None:
    moved = RandomTranslate().apply(sample_at((1, 2, 3), (4, 5, 6)), np.array([0.5, 0.0, -1.0]))
    assert moved["points"][:, :3].tolist() == [[1.5, 2, 2], [4.5, 5, 5]]
    rng = np.random.default_rng(0)
    draws = np.array([RandomTranslate(std=0.5).draw({}, rng) for _ in range(4000)])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), 0.25 * np.eye(3), atol=0.02)


def test_the_matrix_of_a_chain_maps_points_like_the_chain() -> None:
    sample = make_sample()
    chained: Sample = sample
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


def test_convention_the_matrix_maps_from_the_unaugmented_frame() -> None:
    # Turned by 90 degrees, (1, 0) is (0, 1); then flipped along y, (0, -1).
    sample = RandomRotateZ().apply(sample_at((1, 0, 0)), np.pi / 2)
    sample = RandomFlipAxis().apply(sample, (False, True))
    moved = sample["lidar_aug_matrix"] @ [1, 0, 0, 1]
    np.testing.assert_allclose(moved, [0, -1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(sample["points"][0, :3], moved[:3], atol=1e-6)


def test_boxes_and_the_matrix_move_without_points() -> None:
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
    ],
)
def test_rejects_settings_out_of_range(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)


def test_rejects_a_matrix_without_translation() -> None:
    with pytest.raises(ValueError, match=r"matrix must have shape \(4, 4\), but got \(3, 3\)"):
        move_points(sample_at((1, 2, 3)), np.eye(3))
