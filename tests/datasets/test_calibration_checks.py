"""Intrinsics against sizes of images, and the heads of images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.calibration_checks import (
    find_intrinsics_doubt,
    find_intrinsics_fault,
    read_image_head,
)

NUSCENES = [[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]]


def scaled(x: float, y: float | None = None) -> list[list[float]]:
    rows = np.array(NUSCENES)
    rows[0] *= x
    rows[1] *= x if y is None else y
    return list(rows.tolist())


def test_good_intrinsics_give_neither_fault_nor_doubt() -> None:
    kitti = [[721.5, 0.0, 609.6], [0.0, 721.5, 172.9], [0.0, 0.0, 1.0]]
    for matrix, width, height in (
        (NUSCENES, 1600, 900),
        (kitti, 1242, 375),
        (scaled(2), 3200, 1800),
    ):
        assert find_intrinsics_fault(matrix, width, height) == ""
        assert find_intrinsics_doubt(matrix, width, height) == ""


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.6, 1.4, 1.6])
def test_intrinsics_of_another_resolution_are_refused(factor: float) -> None:
    assert "principal point" in find_intrinsics_fault(scaled(factor), 1600, 900)


@pytest.mark.parametrize("matrix", [scaled(0.7), scaled(1.25), scaled(0.5, 1), scaled(1, 0.5)])
def test_what_could_be_a_crop_is_a_doubt(matrix: list[list[float]]) -> None:
    assert find_intrinsics_fault(matrix, 1600, 900) == ""
    assert find_intrinsics_doubt(matrix, 1600, 900)


def test_unusual_views_are_a_doubt() -> None:
    for focal in (200.0, 20_000.0):
        matrix = [[focal, 0.0, 800.0], [0.0, focal, 450.0], [0.0, 0.0, 1.0]]
        assert "degrees of view" in find_intrinsics_doubt(matrix, 1600, 900)


@pytest.mark.parametrize(
    ("name", "pixels", "words"),
    [
        ("a.gif", np.zeros((4, 6), np.uint8), "is a GIF file; convert the images to JPEG or PNG"),
        ("a.png", np.zeros((4, 6), np.uint16), "has more than 8 bits per channel; convert"),
    ],
)
def test_images_that_training_cannot_read_are_named(
    tmp_path: Path, name: str, pixels: NDArray[Any], words: str
) -> None:
    Image.fromarray(pixels).save(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} {words}"):
        read_image_head(tmp_path / name)
