"""Verdicts on calibrations with known errors."""

import numpy as np
import pytest

from perception_kd.calibration.agreement import CameraFrame
from perception_kd.calibration.motions import Motion
from perception_kd.calibration.resolution import list_hidden
from perception_kd.calibration.verdict import CameraVerdict, judge_calibration
from tests.calibration.scene import CAM2IMG, LIDAR2CAM, make_frame


def judge(*errors: Motion, seeds: range = range(3)) -> CameraVerdict:
    motion = np.eye(4)
    for error in errors:
        motion = error.matrix @ motion
    (verdict,) = judge_calibration(make_frame(seed, motion) for seed in seeds)
    return verdict


def test_a_right_calibration_is_best_as_given() -> None:
    verdict = judge()
    assert verdict.line.startswith("left: best as given")
    assert verdict.is_decided
    assert not verdict.errors
    assert verdict.shows["turn x"] <= 1
    assert verdict.shows["turn y"] <= 1


def test_the_verdict_names_what_it_cannot_see() -> None:
    verdict = judge()
    hidden = verdict.text.partition("would show; ")[2]
    assert hidden.endswith(" would not)")
    for axis in "xyz":
        assert (f"shift {axis}" in verdict.shows) != (axis in hidden.partition("shifts along")[2])
    assert list_hidden({"turn x": 1.0, "turn y": 1.0, "shift x": 0.1}) == (
        "smaller ones; turns about z; shifts along y, z"
    )
    every = {f"{kind} {axis}": 1.0 for kind in ("turn", "shift") for axis in "xyz"}
    assert list_hidden(every) == "smaller ones"


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("amount", [-1.0, 1.0])
def test_a_turn_of_one_degree_is_found(axis: int, amount: float) -> None:
    verdict = judge(Motion("turn", axis, amount))
    found = verdict.errors[0]
    assert found[:2] == ("turn", axis)
    assert found.amount == pytest.approx(amount, abs=0.3)
    assert f"degree about its {'xyz'[axis]} axis" in verdict.line.replace("degrees", "degree")


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("amount", [-0.2, 0.2])
def test_a_shift_of_20_cm_is_found(axis: int, amount: float) -> None:
    verdict = judge(Motion("shift", axis, amount))
    assert "cm along its" in verdict.line
    named = [error for error in verdict.errors if error[:2] == ("shift", axis)]
    assert all(error.amount * amount > 0 for error in named)
    found = verdict.correction @ Motion("shift", axis, amount).matrix
    moved = found @ [[0.0], [0], [12], [1]] - [[0], [0], [12], [1]]
    assert np.abs(moved[:2]).max() < 0.1  # m, for objects 12 m away


@pytest.mark.parametrize("amount", [-0.4, 0.4])
def test_a_shift_along_the_optical_axis_is_found(amount: float) -> None:
    verdict = judge(Motion("shift", 2, amount), seeds=range(8))
    (found,) = verdict.errors
    assert found[:2] == ("shift", 2)
    assert found.amount == pytest.approx(amount, abs=0.15)


def test_a_correction_undoes_two_errors_at_once() -> None:
    verdict = judge(Motion("turn", 0, 1.0), Motion("turn", 1, -1.5))
    left = verdict.correction @ Motion("turn", 1, -1.5).matrix @ Motion("turn", 0, 1.0).matrix
    moved = left @ [[0.0], [0], [20], [1]] - [[0], [0], [20], [1]]
    assert np.abs(moved[:2]).max() < 0.15


def test_an_empty_scene_cannot_be_told() -> None:
    frame = make_frame(0)
    gray = np.full_like(frame.image, 128)
    (verdict,) = judge_calibration([frame._replace(image=gray)])
    assert verdict.line.startswith("left: cannot tell (too little structure")


def test_one_kind_of_color_everywhere_cannot_be_told() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (120, 320, 3), dtype=np.uint8)
    frames = [make_frame(seed)._replace(image=noise) for seed in range(3)]
    (verdict,) = judge_calibration(frames)
    assert not verdict.errors
    assert verdict.line.startswith("left: cannot tell")


def test_points_that_miss_the_image_cannot_be_told() -> None:
    frame = make_frame(0)
    (verdict,) = judge_calibration([frame._replace(points=frame.points * [-1, 1, 1, 1])])
    assert "cannot tell (too few points on the image" in verdict.line


def test_points_without_intensity_are_enough() -> None:
    frames = [make_frame(seed) for seed in range(3)]
    (verdict,) = judge_calibration(frame._replace(points=frame.points[:, :3]) for frame in frames)
    assert "best as given" in verdict.line


@pytest.mark.parametrize("count", [0, 1, 30])
def test_few_or_broken_points_are_no_error(count: int) -> None:
    points = np.full((count, 4), np.nan, np.float32)
    image = np.zeros((20, 30, 3), np.uint8)
    (verdict,) = judge_calibration([CameraFrame("left", points, image, CAM2IMG, LIDAR2CAM)])
    assert "cannot tell" in verdict.line


def test_each_camera_has_a_verdict_that_is_plain_data() -> None:
    frames = [make_frame(seed)._replace(camera=name) for seed in (0, 1) for name in ("b", "a")]
    verdicts = judge_calibration(frames)
    assert [verdict.json["camera"] for verdict in verdicts] == ["b", "a"]
    assert verdicts[0].json["num_frames"] == 2
