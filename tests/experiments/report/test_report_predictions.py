"""Boxes and maps in the report: which are shown, counted and drawn."""

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.experiments.report.detections import Detections, boxes_section
from perception_kd.experiments.report.map_predictions import (
    best_thresholds,
    intersection_over_union,
    maps_section,
)
from perception_kd.experiments.report.matching import count_matches, keep_top_scores
from perception_kd.experiments.report.page import render_page
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.visualization.boxes import PREDICTED_COLOR, TRUTH_COLOR
from perception_kd.visualization.maps import GROUND_COLOR, MAP_COLORS, VEHICLE_COLOR
from tests.experiments.report.report_data import (
    found_boxes,
    make_detections,
    make_maps,
    write_demo,
    write_log,
)


def image_of(url: str) -> Any:
    """Decode a data URL to an RGB image."""
    data = np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1]


def colors_of(url: str) -> set[tuple[int, ...]]:
    return {tuple(color) for color in image_of(url).reshape(-1, 3).tolist()}


def counted(found: list[Any], labels: list[int], truth: list[Any], truth_labels: list[int]) -> int:
    return count_matches(
        np.array(found, float).reshape(-1, 2),
        np.array(labels, int),
        np.array(truth, float).reshape(-1, 2),
        np.array(truth_labels, int),
    )


def test_a_true_box_is_found_by_a_near_prediction_of_its_class() -> None:
    assert counted([(0, 1.9)], [3], [(0, 0)], [3]) == 1
    assert counted([(0, 2.0)], [3], [(0, 0)], [3]) == 0
    assert counted([(0, 1.9)], [3], [(0, 0)], [4]) == 0
    assert counted([], [], [(0, 0)], [3]) == 0
    assert counted([(0, 0)], [3], [], []) == 0


def test_a_true_box_is_found_once_by_the_highest_score() -> None:
    # Both are near both boxes; the first matches the nearest, the second the other.
    assert counted([(0, 0), (0, 0.1)], [0, 0], [(0, 0), (0, 1)], [0, 0]) == 2
    assert counted([(0, 0), (0, 0.1)], [0, 0], [(0, 0)], [0]) == 1
    # The first matches the middle one, and the other is too far from the second.
    assert counted([(0, 1), (0, 0)], [0, 0], [(0, 1.2), (0, 2.5)], [0, 0]) == 1


def test_predictions_are_sorted_by_score() -> None:
    found = found_boxes([(0, 0), (1, 0), (2, 0)], [0.1, 0.3, 0.2], [0, 1, 2])
    assert keep_top_scores(found, 2).labels_3d.tolist() == [1, 2]
    assert keep_top_scores(found, 0).labels_3d.tolist() == []
    assert len(keep_top_scores(found, 9).labels_3d) == 3


def test_as_many_boxes_are_drawn_as_are_annotated(tmp_path: Path) -> None:
    section = boxes_section(WorkDir.read(write_demo(tmp_path)), make_detections("a"), "")
    (keyframe,) = section.content["protocols"]["det_lidar_10"]["keyframes"]
    assert keyframe["num_truth"] == 2
    random, prc = keyframe["drawings"]["random"], keyframe["drawings"]["prc"]
    assert (random["num"], random["matched"]) == (2, 0)
    assert (prc["num"], prc["matched"]) == (2, 1)
    assert prc["scores"] == pytest.approx((0.6, 0.4))
    assert {TRUTH_COLOR, PREDICTED_COLOR} <= colors_of(prc["bev"]["src"])
    # The front camera comes first, and sees the boxes.
    assert [view["name"] for view in prc["views"]] == ["front", "back"]
    front, back = (image_of(view["src"]).astype(int) for view in prc["views"])
    assert np.abs(front - 160).max() > 80
    assert np.abs(back - 60).max() < 20


def test_predictions_outside_the_image_do_not_count(tmp_path: Path) -> None:
    detections = make_detections("a")
    far = found_boxes([(60, 0), (10, 20), (0, -60)], [0.9, 0.5, 0.8], [0, 0, 0])
    shown = Detections(detections.samples, {"det_lidar_10": {"prc": [far]}})
    section = boxes_section(WorkDir.read(write_demo(tmp_path)), shown, "")
    drawn = section.content["protocols"]["det_lidar_10"]["keyframes"][0]["drawings"]["prc"]
    assert (drawn["num"], drawn["matched"]) == (1, 1)


def test_a_network_without_predictions_is_shown(tmp_path: Path) -> None:
    detections = make_detections("a")
    nothing = keep_top_scores(detections.found["det_lidar_10"]["prc"][0], 0)
    shown = Detections(detections.samples, {"det_lidar_10": {"prc": [nothing]}})
    section = boxes_section(WorkDir.read(write_demo(tmp_path)), shown, "")
    assert "0 of 2 found" in render_page("T", [section])


def test_only_requested_trials_are_missing(tmp_path: Path) -> None:
    write_log(tmp_path / "det_fusion_10" / "random" / "seed0", [{"step": 1}])
    work = WorkDir.read(tmp_path)
    assert boxes_section(work, Detections(), "").missing == (
        "LiDAR detection, 10 % of labels: no boxes of Random init and PRC yet.",
        "Camera + LiDAR detection, 10 % of labels: no boxes of Random init and PRC + RAD yet.",
    )
    assert maps_section(work, {}, "").missing == (
        "Map segmentation by frozen cameras, all labels: no maps of Random init and PRC + RAD yet.",
    )
    assert maps_section(work, {}, "No maps: missing.").missing == ("No maps: missing.",)


def test_the_best_threshold_has_the_highest_iou() -> None:
    scores = {"map/a_iou@0.35": 1.0, "map/a_iou@0.40": 3.0, "map/a_iou@0.45": 2.0}
    scores |= {"map/a_iou_max": 3.0, "map/aa_iou@0.65": 9.0, "map/miou@0.50": 9.0}
    assert best_thresholds(scores, ("a", "b")) == {"a": 0.4, "b": 0.5}


def test_intersection_over_union() -> None:
    predicted, truth = np.array([1, 1, 1, 0], bool), np.array([0, 1, 1, 1], bool)
    assert intersection_over_union(predicted, truth) == 0.5
    assert intersection_over_union(predicted, np.zeros(4, bool)) is None


def test_maps_are_drawn_at_their_thresholds(tmp_path: Path) -> None:
    section = maps_section(WorkDir.read(write_demo(tmp_path)), make_maps("a"), "")
    (keyframe,) = section.content["protocols"]["mapseg_probe"]["keyframes"]
    assert list(keyframe) == ["all", "drivable_area", "divider"]
    road, divider = MAP_COLORS["drivable_area"], MAP_COLORS["divider"]
    rest = {GROUND_COLOR, VEHICLE_COLOR}
    # Random weights predict 0.4: above 0.35 for road, below 0.5 for dividers.
    for shown, colors in {
        "all": ({road, divider} | rest, {road, VEHICLE_COLOR}, {road, divider} | rest),
        "drivable_area": ({road} | rest, {road, VEHICLE_COLOR}, {road} | rest),
        "divider": ({divider} | rest, rest, {divider} | rest),
    }.items():
        assert tuple(colors_of(p["src"]) for p in keyframe[shown]) == colors
    notes = [image["note"] for image in keyframe["drivable_area"]]
    assert notes == [
        "",
        "probability from 0.35; IoU here 50%",
        "probability from 0.35; IoU here 100%",
    ]
    assert keyframe["all"][2]["shares"] == "drivable area 50%, divider 25%"


def test_all_images_have_alternative_texts(tmp_path: Path) -> None:
    work = WorkDir.read(write_demo(tmp_path))
    sections = [
        boxes_section(work, make_detections("a", "b"), ""),
        maps_section(work, make_maps("a", "b"), ""),
    ]
    page = render_page("T", sections)
    # Two keyframes: BEV and two cameras per initialization; three maps, three times.
    assert page.count("<img ") == 2 * (2 * 3 + 3 * 3)
    assert len(re.findall(r'<img [^>]*\salt="[^"]', page)) == page.count("<img ")
    assert "predicted by the network from PRC: 1 of 2 found." in page
