"""Figures of regions: strong and pale colors, and arguments that are refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from perception_kd.regions.codec import NoRegion, RegionIds
from perception_kd.regions.drawing import COLORS, draw_regions, draw_statistics
from perception_kd.regions.statistics import count_regions


def draw(path: Path, points: NDArray[np.float64], region_ids: RegionIds) -> NDArray[np.int64]:
    draw_regions(points, region_ids, path, max_distance=10.0)
    return cv2.imread(str(path))[..., ::-1].astype(np.int64)


def count_color(figure: NDArray[np.int64], color: str) -> int:
    rgb = np.round(np.array(to_rgb(color)) * 255)
    return int((np.abs(figure - rgb).max(axis=-1) <= 2).sum())


def test_each_reason_and_each_region_has_its_color(tmp_path: Path) -> None:
    # Dense squares, so that some pixels have nothing but their color; how many, depends
    # on where the layout puts them.
    square = np.stack(np.meshgrid(*[np.linspace(0, 2, 60)] * 2), axis=-1).reshape(-1, 2)
    for reason, color in COLORS.items():
        nothing = draw(tmp_path / "a.png", square, np.full(len(square), -9, np.int32))
        figure = draw(tmp_path / "b.png", square, np.full(len(square), reason, np.int32))
        assert count_color(figure, color) > count_color(nothing, color) + 500
    region = draw(tmp_path / "c.png", square, np.zeros(len(square), np.int32))
    assert np.ptp(region, axis=-1).max() > 100  # a strong color
    pale = draw(tmp_path / "d.png", square, np.full(len(square), NoRegion.GROUND, np.int32))
    assert count_color(pale, COLORS[NoRegion.GROUND]) > 700


def test_a_sweep_without_points_is_drawn(tmp_path: Path) -> None:
    assert draw(tmp_path / "a.png", np.zeros((0, 3)), np.zeros(0, np.int32)).size


def test_one_id_per_point_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"region_ids must have shape \(4,\), but got \(3,\)"):
        draw(tmp_path / "a.png", np.zeros((4, 3)), np.zeros(3, np.int32))


@pytest.mark.parametrize("num_scenes", [0, 2, 30])
def test_statistics_of_any_number_of_scenes_are_drawn(tmp_path: Path, num_scenes: int) -> None:
    sweeps = [np.array([0, 0, 1, -2, -5], np.int32)]
    statistics = [count_regions(f"scene-{i}", sweeps) for i in range(num_scenes)]
    draw_statistics(statistics, tmp_path / "a.png")
    assert cv2.imread(str(tmp_path / "a.png")) is not None
