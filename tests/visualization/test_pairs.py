"""Drawn pairs: places and colors of points, borders, counts, layout."""

import numpy as np

from perception_kd.structures import Sample
from perception_kd.visualization.pairs import (
    BAR_HEIGHT,
    BORDER_COLOR,
    color_distances,
    describe_view,
    draw_sample,
    draw_view,
)


def make_sample() -> Sample:
    """Return two gray images of two superpixels each, and two pairs in the first."""
    superpixels = np.zeros((20, 40), np.int32)
    superpixels[:, 20:] = 1
    return {
        "sample_token": "token",
        "cam_names": ["LEFT", "RIGHT"],
        "imgs": [np.full((20, 40, 3), 90, np.uint8)] * 2,
        "superpixels": [superpixels] * 2,
        "points": np.array([[3, 4, 0, 9, 0], [0, 0, 50, 9, 0], [9, 9, 9, 9, 0]], np.float32),
        "pairing_points": np.array([0, 1]),
        "pairing_images": np.array([[0, 5, 8], [0, 12, 30]]),
    }


def test_near_is_red_and_far_is_blue() -> None:
    near, far, beyond = color_distances(np.array([1.0, 60.0, 500.0]), 60.0).astype(int)
    assert near[0] > near[2] + 50
    assert far[2] > far[0]
    assert np.array_equal(far, beyond)
    assert color_distances(np.zeros(0), 60.0).shape == (0, 3)


def test_points_are_drawn_at_row_and_col_colored_by_distance() -> None:
    sample = make_sample()
    image = draw_view(sample, 0, max_distance=60)
    colors = color_distances(np.array([5.0, 50.0]), 60)
    assert image[5, 8].tolist() == colors[0].tolist()
    assert image[12, 30].tolist() == colors[1].tolist()
    assert image[8, 5].tolist() == [90] * 3


def test_points_follow_the_scale() -> None:
    image = draw_view(make_sample(), 0, max_distance=60, scale=3)
    assert image.shape == (60, 120, 3)
    assert image[16, 25].tolist() == color_distances(np.array([5.0]), 60)[0].tolist()


def test_nearer_points_cover_farther_ones() -> None:
    sample = make_sample()
    sample["pairing_images"] = np.array([[0, 5, 8], [0, 5, 8]])
    expected = color_distances(np.array([5.0]), 60)[0].tolist()
    assert draw_view(sample, 0)[5, 8].tolist() == expected
    sample["pairing_points"] = np.array([1, 0])
    assert draw_view(sample, 0)[5, 8].tolist() == expected


def test_superpixels_have_borders_and_the_sample_is_unchanged() -> None:
    sample = make_sample()
    assert tuple(draw_view(sample, 1)[3, 19]) == BORDER_COLOR
    assert (sample["imgs"][1] == 90).all()
    del sample["superpixels"]
    assert (draw_view(sample, 1) == 90).all()


def test_a_view_is_described_by_its_pairs() -> None:
    sample = make_sample()
    assert describe_view(sample, 0) == "LEFT: 2 pairs in 2 of 2 superpixels"
    assert describe_view(sample, 1) == "RIGHT: 0 pairs in 0 of 2 superpixels"
    del sample["superpixels"]
    assert describe_view(sample, 0) == "LEFT: 2 pairs"


def test_images_are_in_a_grid_below_a_legend() -> None:
    sample = make_sample()
    one_row = draw_sample(sample, columns=3, width=800)
    assert one_row.shape == (BAR_HEIGHT + BAR_HEIGHT + 200, 800, 3)
    two_rows = draw_sample(sample, columns=1, width=400)
    assert two_rows.shape == (BAR_HEIGHT + 2 * (BAR_HEIGHT + 200), 400, 3)
