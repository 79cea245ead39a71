"""Drawn boxes: their place in BEV and in an image, clipping, and colors."""

from typing import Any

import numpy as np
import torch

from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.structures import Sample
from perception_kd.visualization.boxes import (
    PREDICTED_COLOR,
    TRUTH_COLOR,
    draw_boxes_bev,
    draw_boxes_image,
    draw_boxes_sample,
)

# Camera axes x right, y down, z forward from LiDAR axes x right, y forward, z up.
LIDAR2CAM = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
CAM2IMG = np.array([[100.0, 0, 160], [0, 100.0, 90], [0, 0, 1]])
NO_POINTS = np.zeros((0, 5), np.float32)


def boxes_at(x: float, y: float, yaw: float = 0.0, length: float = 4.0) -> Any:
    return make_boxes(np.array([[x, y, 0.0, length, 2.0, 2.0, yaw, 0, 0]]))


def extent(drawn: Any) -> tuple[int, int, int, int]:
    """Return the first and last column, then the first and last row that are drawn."""
    rows, columns = np.nonzero(drawn)
    return columns.min(), columns.max(), rows.min(), rows.max()


def has_color(image: Any, color: tuple[int, int, int]) -> bool:
    """Return whether a pixel has nearly this color, since antialiasing blends lines."""
    return bool((np.abs(image.astype(int) - color).max(axis=2) < 60).any())


def test_convention_bev_has_x_to_the_right_and_y_up() -> None:
    # 10 px per meter: x 8..12 are columns 280..320, y 14..16 are rows 40..60.
    image = draw_boxes_bev(NO_POINTS, [(boxes_at(10, 15), TRUTH_COLOR)], radius=20, size=400)
    found = extent((image != 255).any(axis=2))
    np.testing.assert_allclose(found, (280, 320, 40, 60), atol=2)


def test_a_line_leads_to_the_front_of_a_box() -> None:
    # Heading along y, the line goes from the center (row 200) up to row 180.
    turned = boxes_at(0, 0, yaw=np.pi / 2)
    image = draw_boxes_bev(NO_POINTS, [(turned, TRUTH_COLOR)], radius=20, size=400)
    column = (image[:, 200] != 255).any(axis=1)
    assert column[184:200].all()
    assert not column[206:216].any()


def test_bev_points_are_gray_and_those_outside_are_left_out() -> None:
    points = np.array([[10.05, 5.05, 0], [30, 0, 0]])
    image = draw_boxes_bev(points, [], radius=20, size=400)
    assert np.argwhere((image != 255).any(axis=2)).tolist() == [[149, 300]]


def test_a_box_is_drawn_where_it_projects() -> None:
    # Its near side is at 8 m, 4 m wide and 2 m high: 100 / 8 = 12.5 px per meter.
    img = np.zeros((180, 320, 3), np.uint8)
    drawn = draw_boxes_image(img, boxes_at(0, 9), LIDAR2CAM, CAM2IMG, TRUTH_COLOR)
    found = extent(drawn.any(axis=2))
    np.testing.assert_allclose(found, (135, 185, 77.5, 102.5), atol=2)
    assert not img.any()


def test_edges_behind_the_camera_are_clipped() -> None:
    img = np.zeros((180, 320, 3), np.uint8)
    behind = draw_boxes_image(img, boxes_at(0, -9), LIDAR2CAM, CAM2IMG, TRUTH_COLOR)
    assert not behind.any()
    # A box from behind to 10 m ahead shows its far end, and no mirrored part.
    beside = boxes_at(3, 0, yaw=np.pi / 2, length=20.0)
    found = extent(draw_boxes_image(img, beside, LIDAR2CAM, CAM2IMG, TRUTH_COLOR).any(axis=2))
    assert found[0] >= 160 + 20 - 2  # 2 m right at 10 m: 20 px
    assert found[1] == 319


def test_a_sample_shows_truth_and_confident_predictions() -> None:
    sample = Sample(
        points=NO_POINTS,
        imgs=[np.zeros((180, 320, 3), np.uint8)] * 2,
        lidar2cam=np.stack([LIDAR2CAM] * 2),
        cam2img=np.stack([CAM2IMG] * 2),
        gt_bboxes_3d=boxes_at(-5, 12),
        box_classes=("car",),
    )
    predicted = dict(
        bboxes_3d=boxes_at(5, 12), scores_3d=torch.tensor([0.5]), labels_3d=torch.tensor([0])
    )
    image = draw_boxes_sample(sample, predicted, view_width=320, radius=20)
    assert image.shape == (180 + 640, 640, 3)
    for part in (image[:180], image[180:]):
        assert has_color(part, TRUTH_COLOR)
        assert has_color(part, PREDICTED_COLOR)
    unsure = draw_boxes_sample(sample, predicted, min_score=0.6, view_width=320, radius=20)
    assert not has_color(unsure, PREDICTED_COLOR)


def test_boxes_follow_a_cropped_image() -> None:
    # Moved 40 px to the left, the box is drawn 40 px to the left.
    sample = Sample(
        points=NO_POINTS,
        imgs=[np.zeros((180, 320, 3), np.uint8)],
        lidar2cam=LIDAR2CAM[None],
        cam2img=CAM2IMG[None],
        gt_bboxes_3d=boxes_at(0, 9),
    )
    moved: Sample = {**sample, "img_aug_matrix": np.array([[[1.0, 0, -40], [0, 1, 0], [0, 0, 1]]])}
    first, then = (
        extent(draw_boxes_sample(s, view_width=320)[:180].any(axis=2)) for s in (sample, moved)
    )
    assert then[0] - first[0] == -40


def test_a_sample_without_images_is_drawn_in_bev() -> None:
    sample = Sample(points=NO_POINTS, gt_bboxes_3d=boxes_at(0, 9))
    assert draw_boxes_sample(sample, view_width=200).shape == (200, 200, 3)
