"""Boxes follow the points: corners, points inside, headings and velocities."""

from typing import Any

import numpy as np
import pytest
from mmdet3d.structures import LiDARInstance3DBoxes
from numpy.typing import NDArray

from perception_kd.datasets.info_parsing import parse_boxes
from perception_kd.datasets.transforms.boxes import (
    CropBoxesToRange,
    LoadBoxes,
    make_boxes,
    move_boxes,
)
from perception_kd.datasets.transforms.points import (
    RandomFlipAxis,
    RandomRotateZ,
    RandomScale,
    RandomTranslate,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample

Array = NDArray[np.float64]

# Center, length width height, yaw, velocity; the last one has no known velocity.
VALUES = [
    [10.0, -3.0, -1.0, 4.5, 1.9, 1.6, 0.4, 5.0, 1.0],
    [-20.0, 14.0, 0.5, 0.7, 0.6, 1.8, -2.9, -1.0, 0.5],
    [5.0, 30.0, 0.0, 12.0, 2.9, 3.5, 1.6, np.nan, np.nan],
]

MOVES = {
    "rotation": lambda sample: RandomRotateZ().apply(sample, 2.1),
    "flip of x": lambda sample: RandomFlipAxis().apply(sample, (True, False)),
    "flip of y": lambda sample: RandomFlipAxis().apply(sample, (False, True)),
    "scale": lambda sample: RandomScale().apply(sample, 1.1),
    "translation": lambda sample: RandomTranslate().apply(sample, np.array([3.0, -2.0, 0.5])),
}


def make_sample(values: Any = VALUES) -> Sample:
    """Points at the corners of the boxes, then points inside and around them."""
    boxes = make_boxes(np.array(values))
    rng = np.random.default_rng(0)
    center = boxes.gravity_center.numpy()[:, None]
    around = center + rng.uniform(-0.7, 0.7, (len(values), 400, 3)) * boxes.dims.numpy()[:, None]
    points = np.zeros((8 * len(values) + around.size // 3, 5), np.float32)
    points[:, :3] = np.concatenate([boxes.corners.numpy().reshape(-1, 3), around.reshape(-1, 3)])
    points.flags.writeable = False
    return {"points": points, "gt_bboxes_3d": boxes, "rng": rng}


def sort_rows(rows: Array) -> Array:
    return rows[np.lexsort(np.round(rows, 2).T)]


def move_by_all(sample: Sample) -> Sample:
    for move in MOVES.values():
        sample = move(sample)  # type: ignore[no-untyped-call]
    return sample


@pytest.mark.parametrize("move", [*MOVES.values(), move_by_all], ids=[*MOVES, "all of them"])
def test_corners_of_moved_boxes_are_the_moved_corners(move: Any) -> None:
    sample = make_sample()
    before = sample["gt_bboxes_3d"].tensor.clone()
    moved = move(sample)
    corners = moved["gt_bboxes_3d"].corners.numpy()
    for box, expected in zip(corners, moved["points"][:24, :3].reshape(3, 8, 3), strict=True):
        # A flip also changes which corner is which.
        np.testing.assert_allclose(sort_rows(box), sort_rows(expected), atol=2e-5)
    assert sample["gt_bboxes_3d"].tensor[:2].equal(before[:2])


@pytest.mark.parametrize("move", [*MOVES.values(), move_by_all], ids=[*MOVES, "all of them"])
def test_points_inside_before_are_inside_after(move: Any) -> None:
    # Without the corners, which lie on the border.
    sample = make_sample()
    before = inside(sample["gt_bboxes_3d"], sample["points"][24:])
    moved = move(sample)
    after = inside(moved["gt_bboxes_3d"], moved["points"][24:])
    assert 300 < before.sum() < 900
    # One of 1200 may lie within rounding of a side.
    assert (before != after).sum() <= 1


def inside(boxes: LiDARInstance3DBoxes, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which points are in which box, by turning points into its coordinates."""
    found = []
    for x, y, z, length, width, height, yaw in boxes.tensor[:, :7].double().numpy():
        dx, dy = points[:, 0] - x, points[:, 1] - y
        along, across = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
        up = points[:, 2] - z - height / 2
        far = [abs(along) > length / 2, abs(across) > width / 2, abs(up) > height / 2]
        found.append(~np.any(far, axis=0))
    return np.stack(found)


@pytest.mark.parametrize(
    ("name", "yaw", "velocity"),
    [
        # Heading along (cos 0.4, sin 0.4) with 5 m/s along x and 1 m/s along y.
        ("rotation", 2.5, [5 * np.cos(2.1) - np.sin(2.1), 5 * np.sin(2.1) + np.cos(2.1)]),
        ("flip of x", np.pi - 0.4, [-5.0, 1.0]),
        ("flip of y", -0.4, [5.0, -1.0]),
        ("scale", 0.4, [5.5, 1.1]),
        ("translation", 0.4, [5.0, 1.0]),
    ],
)
def test_headings_and_velocities_turn_and_scale(
    name: str, yaw: float, velocity: list[float]
) -> None:
    moved = MOVES[name](make_sample())["gt_bboxes_3d"].tensor
    assert moved[0, 6].item() == pytest.approx(yaw, abs=1e-6)
    assert moved[0, 7:].tolist() == pytest.approx(velocity, abs=1e-6)
    assert moved[2, 7:].isnan().all()


def test_each_single_move_is_that_of_mmdet3d() -> None:
    expected = make_boxes(np.array(VALUES))
    expected.rotate(2.1)
    expected.flip("vertical")  # negates x
    expected.flip("horizontal")  # negates y
    expected.scale(1.1)
    expected.translate(np.array([3.0, -2.0, 0.5]))
    moved = move_by_all(make_sample())["gt_bboxes_3d"]
    assert type(moved) is LiDARInstance3DBoxes
    np.testing.assert_allclose(moved.tensor[:, :6], expected.tensor[:, :6], atol=1e-5)
    np.testing.assert_allclose(moved.tensor[:, 7:], expected.tensor[:, 7:], atol=1e-5)
    turn = (moved.tensor[:, 6] - expected.tensor[:, 6]).numpy()
    np.testing.assert_allclose(np.cos(turn), 1, atol=1e-6)


def test_no_boxes_stay_no_boxes() -> None:
    moved = move_boxes(make_boxes(np.zeros((0, 9))), np.eye(4))
    assert moved.tensor.shape == (0, 9)


@pytest.mark.parametrize(
    "matrix",
    [np.diag([2.0, 1, 1, 1]), np.diag([1.0, 1, -1, 1]), np.eye(4)[[0, 2, 1, 3]]],
    ids=["stretched", "upside down", "tilted"],
)
def test_rejects_maps_that_upright_boxes_cannot_follow(matrix: Array) -> None:
    with pytest.raises(ValueError, match="Boxes can follow a uniform scale"):
        move_boxes(make_boxes(np.array(VALUES)), matrix)


def annotate(*boxes: tuple[int, int, bool]) -> Sample:
    """A sample with one box for each (label, LiDAR points, valid), at x = 0, 1, ..."""
    raw = [
        {
            "bbox_3d": [float(x), 0, 0, 4, 2, 1, 0],
            "bbox_label_3d": label,
            "bbox_3d_isvalid": valid,
            "num_lidar_pts": num_points,
            "velocity": [float("nan")] * 2,
        }
        for x, (label, num_points, valid) in enumerate(boxes)
    ]
    return {"instances": parse_boxes(raw, {0: 3, 5: -1, 7: 8})}


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        # A box that only radar sees is valid and has no LiDAR point.
        (dict(), [0, 1, 2]),
        (dict(use_valid_flag=False), [0, 2]),
        (dict(min_points=5), [0]),
    ],
)
def test_boxes_count_by_their_points_and_class(settings: dict[str, Any], kept: list[int]) -> None:
    sample = annotate((0, 9, True), (7, 0, True), (7, 4, True), (0, 0, False), (5, 9, True))
    loaded = TRANSFORMS.build(dict(type="LoadBoxes", **settings))(sample)
    assert loaded["gt_bboxes_3d"].tensor[:, 0].tolist() == kept
    assert loaded["gt_labels_3d"].tolist() == [[3, 8, 8][i] for i in kept]


def test_convention_info_files_store_gravity_centers() -> None:
    boxes = LoadBoxes()(annotate((0, 9, True)))["gt_bboxes_3d"]
    assert boxes.gravity_center.tolist() == [[0, 0, 0]]
    assert boxes.bottom_center.tolist() == [[0, 0, -0.5]]
    assert boxes.tensor[0, 7:].tolist() == [0, 0]  # unknown velocity, as in mmdet3d


def test_boxes_are_cropped_by_their_center_seen_from_above() -> None:
    sample = LoadBoxes()(annotate(*[(0, 9, True)] * 5))
    cropped = CropBoxesToRange([1, -1, 50, 3, 1, 60])(sample)
    assert cropped["gt_bboxes_3d"].tensor[:, 0].tolist() == [1, 2]
    assert cropped["gt_labels_3d"].tolist() == [3, 3]


def test_a_box_at_an_unknown_place_is_not_moved_to_the_sensor() -> None:
    raw = {"bbox_3d": [np.nan] * 7, "bbox_label_3d": 0, "bbox_3d_isvalid": True}
    unknown = parse_boxes([{**raw, "num_lidar_pts": 9}], {0: 3})
    assert np.isnan(unknown["bboxes_3d"][0, :7]).all()
    assert unknown["bboxes_3d"][0, 7:].tolist() == [0, 0]
    sample: Sample = {"instances": unknown}
    assert len(CropBoxesToRange([-9, -9, -9, 9, 9, 9])(LoadBoxes()(sample))["gt_bboxes_3d"]) == 0


def test_rejects_what_it_cannot_load() -> None:
    with pytest.raises(ValueError, match="with_boxes=True"):
        LoadBoxes()({})
    with pytest.raises(ValueError, match="min_points must be at least 0, but got -1"):
        LoadBoxes(min_points=-1)
    with pytest.raises(ValueError, match="point_cloud_range must have shape"):
        CropBoxesToRange([0, 1])
