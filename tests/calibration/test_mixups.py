"""Inverted extrinsics, and the calibration of another camera."""

from typing import Any

import numpy as np
import pytest

from perception_kd.calibration.agreement import FramePairs
from perception_kd.calibration.mixups import find_mixup
from perception_kd.calibration.verdict import CameraVerdict, judge_calibration
from perception_kd.geometry.rigid import invert_rigid
from tests.calibration.scene import LIDAR2CAM, make_frame, make_inverted_frame, make_opposite_frames

SEEDS = range(4)


def judge_opposite(**settings: Any) -> list[CameraVerdict]:
    frames = [frame for seed in SEEDS for frame in make_opposite_frames(seed, **settings)]
    return judge_calibration(frames)


def test_the_rotation_of_the_mount_is_its_own_inverse() -> None:
    rotation = make_inverted_frame(0).lidar2cam[:3, :3]
    np.testing.assert_allclose(rotation @ rotation, np.eye(3), atol=1e-12)


def test_an_inverse_that_differs_by_its_shift_is_found() -> None:
    frames = [make_inverted_frame(seed) for seed in SEEDS]
    (verdict,) = judge_calibration(frames)
    assert verdict.line.startswith("front: looks inverted")
    assert verdict.is_inverted
    corrected = verdict.correction @ frames[0].lidar2cam
    right = make_inverted_frame(0, is_inverted=False).lidar2cam
    np.testing.assert_allclose(corrected, right, atol=1e-9)


def test_a_symmetric_mount_in_the_right_direction_is_good() -> None:
    (verdict,) = judge_calibration(make_inverted_frame(x, is_inverted=False) for x in SEEDS)
    assert "best as given" in verdict.line
    assert verdict.mixup is None


def test_swapped_cameras_are_named() -> None:
    ahead, back = judge_opposite(is_swapped=True)
    assert "ahead: looks like the calibration of back" in ahead.line
    assert "back: looks like the calibration of ahead" in back.line
    assert not ahead.is_inverted


def test_cameras_that_are_not_swapped_are_good() -> None:
    assert ["best as given" in verdict.line for verdict in judge_opposite(is_swapped=False)] == [
        True,
        True,
    ]


def test_an_inverse_that_looks_elsewhere_is_found() -> None:
    frames = [make_opposite_frames(seed, is_swapped=True)[0] for seed in SEEDS]
    (verdict,) = judge_calibration(frame._replace(inverse=LIDAR2CAM) for frame in frames)
    assert verdict.line.startswith("ahead: looks inverted (edges")
    assert verdict.is_inverted


def test_points_that_only_the_inverse_sees_decide() -> None:
    frame = make_frame(0)
    wrong = frame._replace(lidar2cam=invert_rigid(LIDAR2CAM), inverse=LIDAR2CAM)
    gray = wrong._replace(image=np.full_like(frame.image, 128))
    (verdict,) = judge_calibration([gray])
    assert verdict.is_inverted
    assert "0.0% of the points fall on its images as calibrated" in verdict.text


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_mixup(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [frame for x in SEEDS for frame in make_opposite_frames(x, is_swapped=bool(seed % 2))]
    frames = [
        frame._replace(image=rng.integers(0, 255, frame.image.shape, dtype=np.uint8))
        for frame in frames
    ]
    for verdict in judge_calibration(frames):
        assert verdict.mixup is None
        assert not verdict.errors


def test_another_size_is_not_held_against() -> None:
    ahead, back = make_opposite_frames(0, is_swapped=True)
    small = back._replace(image=back.image[:, :200])
    assert find_mixup([FramePairs(ahead)], {"back": [FramePairs(small)]}) is None
