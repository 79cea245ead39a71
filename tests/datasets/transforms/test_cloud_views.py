"""Views of one cloud: rows stay, moves are independent, cameras follow the first."""

from typing import Any

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate

from perception_kd.datasets.transforms import (
    CropToDisc,
    MakeCloudViews,
    PackInputs,
    RandomFlipAxis,
    RandomRotateZ,
    RandomScale,
    RandomTranslate,
    ShufflePoints,
    Transform,
)
from perception_kd.models.data_preprocessor import CameraLidarDataPreprocessor
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import freeze, make_sample

STEPS: list[Transform] = [
    RandomRotateZ((-90, 90)),
    RandomScale((0.9, 1.1)),
    RandomTranslate(0.5),
    RandomFlipAxis(),
]


def undo(points: np.ndarray[Any, Any], matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return positions before they were moved by a matrix, (N, 3)."""
    inverse = np.linalg.inv(matrix)
    return points[:, :3] @ inverse[:3, :3].T + inverse[:3, 3]


def test_a_row_is_the_same_physical_point_in_every_view() -> None:
    sample = freeze(make_sample())
    moved = MakeCloudViews(STEPS, num_views=3)(sample)
    assert len(moved["cloud_views"]) == 3
    for view in moved["cloud_views"]:
        assert np.array_equal(view[:, 3], np.arange(len(view)))  # the mark of a row
        # A similarity: all distances to the first point grow by one factor.
        before, after = (
            np.linalg.norm(p[1:, :3] - p[0, :3].astype(float), axis=1)
            for p in (sample["points"], view)
        )
        assert 0.9 <= (after / before).min() <= (after / before).max() <= 1.1
        assert np.ptp(after / before) < 1e-4
    assert moved["region_ids"] is sample["region_ids"]


def test_every_transform_moves_every_copy_in_order() -> None:
    # A quarter turn takes (x, y) to (-y, x); then all doubles; then x is negated.
    quarter, double = RandomRotateZ((90, 90)), RandomScale((2, 2))
    sample = make_sample()
    x, y, z = sample["points"][:, :3].T
    for view in MakeCloudViews([quarter, double, RandomFlipAxis(p_x=1, p_y=0)])(sample)[
        "cloud_views"
    ]:
        np.testing.assert_allclose(view[:, :3].T, [2 * y, 2 * x, 2 * z], atol=1e-4)


def test_views_are_drawn_independently() -> None:
    one, two = MakeCloudViews(STEPS)(make_sample())["cloud_views"]
    assert np.abs(one[:, :3] - two[:, :3]).max() > 1
    flips = set()
    for seed in range(40):
        first, second = MakeCloudViews([RandomFlipAxis()])(make_sample(seed, num_points=1))[
            "cloud_views"
        ]
        flips.add(tuple(np.sign(first[0, :2] * second[0, :2])))
    assert flips == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_convention_the_sample_is_its_first_view() -> None:
    sample = make_sample()
    moved = MakeCloudViews(STEPS)(sample)
    assert np.array_equal(moved["points"], moved["cloud_views"][0])
    found = undo(moved["points"], moved["lidar_aug_matrix"])
    np.testing.assert_allclose(found, sample["points"][:, :3], atol=1e-4)


def test_the_generator_of_the_sample_alone_fixes_the_views() -> None:
    first, again, other = (
        MakeCloudViews(STEPS)(make_sample(seed))["cloud_views"] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_copies_reach_the_model_as_lists_with_their_regions() -> None:
    packed = []
    for seed, num_points in ((0, 30), (1, 40)):
        views = MakeCloudViews(STEPS)(make_sample(seed, num_points, pairs_per_view=5))
        packed.append(PackInputs()(views))
    inputs = CameraLidarDataPreprocessor()(pseudo_collate(packed))["inputs"]
    first, second = inputs["cloud_views"]
    assert [len(cloud) for cloud in first] == [len(cloud) for cloud in second] == [30, 40]
    for number, sample in enumerate(packed):
        assert first[number].equal(sample["inputs"]["cloud_views"][0])
        assert second[number].equal(sample["inputs"]["cloud_views"][1])
        # Region of a marked point: one less than its row modulo 5.
        assert inputs["region_ids"][number].equal(second[number][:, 3].long() % 5 - 1)


def reverse(sample: Sample) -> Sample:
    return {**sample, "points": sample["points"][::-1]}


@pytest.mark.parametrize("step", [CropToDisc(5.0, (-9, 9)), CropToDisc(0.01, (0, 0)), reverse])
def test_rejects_transforms_that_break_rows(step: Any) -> None:
    with pytest.raises(ValueError, match="must keep the rows of points, but got"):
        MakeCloudViews([step])(make_sample())


@pytest.mark.parametrize("step", [ShufflePoints(), RandomTranslate(0.5), CropToDisc(9.0, (-9, 9))])
def test_moving_points_after_the_copies_is_refused(step: Transform) -> None:
    sample = step(MakeCloudViews(STEPS)(make_sample()))
    assert sample is not None
    with pytest.raises(
        ValueError, match=r"points must be the first of cloud_views, .* MakeCloudViews"
    ):
        PackInputs()(sample)


def test_rejects_no_views() -> None:
    with pytest.raises(ValueError, match="num_views must be at least 1, but got 0"):
        MakeCloudViews(STEPS, num_views=0)


def test_builds_from_a_config() -> None:
    built = TRANSFORMS.build(
        dict(type="MakeCloudViews", transforms=[dict(type="RandomTranslate", std=0.5)])
    )
    assert isinstance(built.transforms[0], RandomTranslate)
