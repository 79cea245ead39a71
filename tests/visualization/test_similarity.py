"""Similarity computed by hand, spread queries, and where an image shows them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from perception_kd.structures import Sample
from perception_kd.visualization.similarity import (
    Similarity,
    draw_similarity,
    similarity_to_point,
    spread_queries,
)


def test_similarity_is_the_cosine() -> None:
    points = torch.tensor([[2.0, 0.0], [0.0, 5.0], [3.0, 4.0], [-1.0, 0.0], [0.0, 0.0]])
    pixels = torch.tensor([[[[7.0, 0.0, -6.0]], [[0.0, 2.0, 8.0]]]])  # (1, 2, 1, 3)
    similarity = similarity_to_point(0, points, pixels)
    np.testing.assert_allclose(similarity.points, [1, 0, 0.6, -1, 0])
    np.testing.assert_allclose(similarity.pixels, [[[1, 0, -0.6]]])
    np.testing.assert_allclose(similarity_to_point(2, points, pixels).points[:2], [0.6, 0.8])


def test_similarity_rejects_wrong_queries_and_channels() -> None:
    with pytest.raises(ValueError, match="query must be one of 3 points, but got 3"):
        similarity_to_point(3, torch.ones(3, 2), torch.ones(1, 2, 4, 4))
    with pytest.raises(ValueError, match=r"pixel_feats must have shape \(V, 2, H, W\)"):
        similarity_to_point(0, torch.ones(3, 2), torch.ones(1, 5, 4, 4))


def test_queries_start_at_the_nearest_point_and_spread() -> None:
    x = np.array([30.0, 1.0, 2.0, 10.0, -25.0, 0.0])
    points = np.stack([x, 0 * x, 0 * x, x], axis=1).astype(np.float32)
    candidates = np.array([0, 1, 2, 3, 4])  # not the point at 0
    # From 1: 30 is 29 away, then -25, then 10, which is 9 from 1.
    assert spread_queries(points, candidates, 4) == [1, 0, 4, 3]
    assert sorted(spread_queries(points, candidates, 9)) == [0, 1, 2, 3, 4]


def test_queries_need_a_candidate_and_a_positive_number() -> None:
    with pytest.raises(ValueError, match="candidates must hold at least one point"):
        spread_queries(np.zeros((3, 3), np.float32), np.zeros(0, np.int64), 1)
    with pytest.raises(ValueError, match="num must be at least 1, but got 0"):
        spread_queries(np.zeros((3, 3), np.float32), np.arange(3), 0)


def make_sample(num_views: int = 1) -> Sample:
    """Return gray images and four points; the second one is visible in image 0."""
    return {
        "points": np.array([[5, 0, 0, 1], [0, 5, 0, 1], [-5, 0, 0, 1], [0, -5, 0, 1]], np.float32),
        "imgs": [np.full((40, 80, 3), 128, np.uint8)] * num_views,
        "cam_names": [f"CAM_{i}" for i in range(num_views)],
        "pairing_points": np.array([1]),
        "pairing_images": np.array([[0, 10, 60]]),
    }


def find(image: np.ndarray[Any, Any], color: str) -> np.ndarray[Any, Any]:
    """Return (row, col) of the pixels that are clearly red or clearly blue."""
    blue, _, red = np.moveaxis(image.astype(int), -1, 0)
    return np.argwhere(red - blue > 60 if color == "red" else blue - red > 60)


def test_similar_pixels_are_red_where_they_lie_in_the_image(tmp_path: Path) -> None:
    pixels = np.full((1, 40, 80), -0.2, np.float32)
    pixels[0, :20, 40:] = 1.0  # the upper right quarter
    similarity = Similarity(np.array([-0.2, 1.0, -0.2, -0.2], np.float32), pixels)
    path = tmp_path / "new" / "image.png"
    draw_similarity(similarity, make_sample(), query=1, path=path)
    image = cv2.imread(str(path))
    # The image is on the left, its red quarter of 40 x 20 px around the ring (20, 10).
    image_part = image[:, : image.shape[1] * 42 // 97]
    rows, cols = find(image_part, "red").T
    height, width = np.ptp(rows) + 1, np.ptp(cols) + 1
    assert width / height == pytest.approx(2, rel=0.1)
    ring = np.argwhere((image_part[rows.min() : rows.max(), cols.min() : cols.max()] > 250).all(2))
    center = (ring.min(axis=0) + ring.max(axis=0)) / 2
    np.testing.assert_allclose(center / (height, width), (10.5 / 20, 20.5 / 40), atol=0.05)


@pytest.mark.parametrize("num_views", [1, 2, 6])
def test_any_number_of_images_fits(tmp_path: Path, num_views: int) -> None:
    similarity = Similarity(np.zeros(4, np.float32), np.zeros((num_views, 40, 80), np.float32))
    draw_similarity(similarity, make_sample(num_views), query=0, path=tmp_path / "image.png")
    assert cv2.imread(str(tmp_path / "image.png")) is not None
