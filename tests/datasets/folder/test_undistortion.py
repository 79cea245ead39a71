"""Images without distortion: right pixels, kept, and made again when they must be."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.datasets.folder.undistortion import (
    Job,
    Lens,
    distort,
    new_intrinsics,
    undistort,
    undistort_all,
)
from perception_kd.geometry.projection import project_points
from perception_kd.io.images import write_image

SIZE = (320, 240)
CAM2IMG = (200.0, 0.0, 163.0, 0.0, 198.0, 118.0, 0.0, 0.0, 1.0)
LENSES = [
    Lens("opencv", CAM2IMG, (-0.3, 0.1, 0.001, -0.002), SIZE),
    Lens("opencv", CAM2IMG, (-0.3, 0.1, 0.001, -0.002, -0.02), SIZE),
    Lens("opencv", CAM2IMG, (0.1, 0.02, 0.001, -0.002, 0.01, 0.3, 0.05, 0.01), SIZE),
    Lens("fisheye", CAM2IMG, (0.05, -0.01, 0.002, 0.0), SIZE),
    # 80 degrees wide: OpenCV's inverse does not converge at the corners.
    Lens("opencv", (189.0, 0, 160, 0, 188, 124, 0, 0, 1), (-0.31, 0.11, 0, 0, -0.02), SIZE),
]


@pytest.mark.parametrize("lens", LENSES)
def test_points_are_where_the_pinhole_projection_says(lens: Lens) -> None:
    points = np.array([[-1.5, -0.8, 5.0], [0.4, 0.3, 4.0], [1.2, 0.9, 6.0], [0.0, 0.0, 3.0]])
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for u, v in distort(points, lens):
        # Coordinates with four binary digits: blobs lie between pixels, too.
        cv2.circle(image, (round(u * 16), round(v * 16)), 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
    straight = undistort(image, lens)
    expected = project_points(points, np.eye(4), new_intrinsics(lens), SIZE[::-1]).pixels
    rows, cols = np.mgrid[: SIZE[1], : SIZE[0]]
    for u, v in expected:
        near = np.hypot(cols - u, rows - v) < 10
        weights = straight[..., 0] * near
        assert weights.sum() > 1000
        center = np.array([(weights * cols).sum(), (weights * rows).sum()]) / weights.sum()
        assert np.allclose(center, [u, v], atol=0.25)


@pytest.mark.parametrize("lens", LENSES)
def test_no_pixel_is_empty(lens: Lens) -> None:
    white = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    # Interpolation at the very border may take in what is beyond it.
    assert (undistort(white, lens)[2:-2, 2:-2] > 250).mean() > 0.999


def test_a_view_is_as_wide_as_it_can_be() -> None:
    none = Lens("opencv", CAM2IMG, (0.0, 0.0, 0.0, 0.0), SIZE)
    assert np.allclose(new_intrinsics(none), np.reshape(CAM2IMG, (3, 3)), rtol=0.01)
    for lens in LENSES:
        assert new_intrinsics(lens)[0, 0] < 1.1 * lens.cam2img[0]


@pytest.mark.parametrize(
    "lens",
    [
        Lens("opencv", CAM2IMG, (-30.0, 0.0, 0.0, 0.0), SIZE),
        Lens("fisheye", CAM2IMG, (-30.0, 0.0, 0.0, 0.0), SIZE),
    ],
)
def test_coefficients_that_fold_the_image_are_refused(lens: Lens) -> None:
    with pytest.raises(ValueError, match="no view without distortion fits"):
        new_intrinsics(lens)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    rng = np.random.default_rng(0)
    for i in range(3):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 255, (240, 320, 3), np.uint8))
    out = tmp_path / "out" / "front"
    return [Job(tmp_path / f"{i}.png", out / f"{i}.jpg", LENSES[0]) for i in range(3)]


def test_images_that_are_there_are_kept(jobs: list[Job]) -> None:
    assert undistort_all(jobs, 0, progress=False) == 3
    jobs[1].target.unlink()
    assert undistort_all(jobs, 0, progress=False) == 1


def test_a_changed_image_is_made_again(jobs: list[Job]) -> None:
    undistort_all(jobs, 0, progress=False)
    later = jobs[1].target.stat().st_mtime + 1
    os.utime(jobs[1].source, (later, later))
    assert undistort_all(jobs, 0, progress=False) == 1


def test_another_calibration_makes_all_again(jobs: list[Job]) -> None:
    undistort_all(jobs, 0, progress=False)
    before = jobs[0].target.read_bytes()
    other = [Job(job.source, job.target, LENSES[1]) for job in jobs]
    assert undistort_all(other, 0, progress=False) == 3
    assert jobs[0].target.read_bytes() != before


def test_images_of_others_are_not_removed(jobs: list[Job]) -> None:
    foreign = jobs[0].target.parent / "mine.jpg"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"mine\.jpg and its neighbors were not made by this"):
        undistort_all(jobs, 0, progress=False)
    assert foreign.read_bytes() == b"mine"


def test_a_stop_leaves_whole_images(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    module = "perception_kd.datasets.folder.undistortion"
    original, calls = write_image, []

    def stop_at_second(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        original(*args)

    monkeypatch.setattr(f"{module}.write_image", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        undistort_all(jobs, 0, progress=False)
    monkeypatch.setattr(f"{module}.write_image", original)
    assert undistort_all(jobs, 0, progress=False) == 2
