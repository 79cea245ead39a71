"""Projection against a loop of the pinhole equation, and the border rules."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from perception_kd.geometry.projection import Border, project_points
from perception_kd.geometry.rigid import make_rigid

CAM2IMG = np.array([[10.0, 0, 4], [0, 12, 3], [0, 0, 1]])
HEIGHT, WIDTH = 6, 8


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return rotation * np.linalg.det(rotation)


def test_matches_the_pinhole_equation_written_as_a_loop() -> None:
    rng = np.random.default_rng(0)
    lidar2cam = make_rigid(random_rotation(rng), rng.normal(size=3))
    points = rng.uniform(-20, 20, (2000, 3))
    projection = project_points(points, lidar2cam, CAM2IMG, (HEIGHT, WIDTH))
    num_visible = 0
    for i, point in enumerate(points):
        x, y, z = (
            sum(lidar2cam[r, c] * point[c] for c in range(3)) + lidar2cam[r, 3] for r in range(3)
        )
        assert projection.depth[i] == pytest.approx(z)
        u, v = 10 * x / z + 4, 12 * y / z + 3
        visible = z > 1 and 0 < u < WIDTH - 1 and 0 < v < HEIGHT - 1
        assert projection.visible[i] == visible
        if visible:
            num_visible += 1
            assert projection.pixels[i].tolist() == pytest.approx([u, v])
    assert num_visible > 10


def visible(*points: tuple[float, float, float]) -> list[bool]:
    return project_points(np.array(points), np.eye(4), CAM2IMG, (HEIGHT, WIDTH)).visible.tolist()


def test_convention_outer_halves_of_border_pixels_are_outside() -> None:
    # At 10 m, u = 4 + x and v = 3 + 1.2 y.
    assert visible((-4, 0, 10), (-3.99, 0, 10), (3, 0, 10), (2.99, 0, 10)) == [False, True] * 2
    rows = visible((0, -2.5, 10), (0, -2.49, 10), (0, 2 / 1.2, 10), (0, 1.66, 10))
    assert rows == [False, True] * 2


# Points at 10 m whose pixels, u = 4 + x and v = 3 + 1.25 y, are exact: a border and the
# rules that keep it. The image is 6 px high and 8 px wide; 2e-3 is a little off.
AT_BORDERS: dict[tuple[float, float], tuple[Border, ...]] = {
    (0, 0): ("slidr", "pixel", "none"),
    (-4 + 2e-3, 0): ("slidr", "pixel", "none"),
    (-4, 0): ("pixel", "none"),
    (-4.5, 0): ("pixel", "none"),
    (-4.5 - 2e-3, 0): ("none",),
    (3 - 2e-3, 0): ("slidr", "pixel", "none"),
    (3, 0): ("pixel", "none"),
    (3.5 - 2e-3, 0): ("pixel", "none"),
    (3.5, 0): ("none",),
    (0, -2.4): ("pixel", "none"),
    (0, -2.8): ("pixel", "none"),
    (0, -2.8 - 2e-3): ("none",),
    (0, 1.6): ("pixel", "none"),
    (0, 2 - 2e-3): ("pixel", "none"),
    (0, 2): ("none",),
    (90, -90): ("none",),
}


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["NumPy", "torch"])
@pytest.mark.parametrize("border", ["slidr", "pixel", "none"])
def test_each_border_rule_keeps_its_pixels(convert: Any, border: Border) -> None:
    projection = project_points(
        convert(np.array([(x, y, 10.0) for x, y in AT_BORDERS])),
        convert(np.eye(4)),
        convert(np.array([[10.0, 0, 4], [0, 12.5, 3], [0, 0, 1]])),
        (HEIGHT, WIDTH),
        border=border,
    )
    assert projection.visible.tolist() == [border in rules for rules in AT_BORDERS.values()]
    expected = [(4 + x, 3 + 1.25 * y) for x, y in AT_BORDERS]
    np.testing.assert_allclose(np.asarray(projection.pixels), expected, atol=1e-12)


@pytest.mark.parametrize("border", ["slidr", "pixel", "none"])
def test_tensors_are_projected_as_arrays_are(border: Border) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-20, 20, (2000, 3))
    points[::100] = np.nan
    arguments = (points, make_rigid(random_rotation(rng), rng.normal(size=3)), CAM2IMG)
    arrays = project_points(*arguments, (HEIGHT, WIDTH), 0.5, border)
    positions, lidar2cam, cam2img = (torch.from_numpy(array) for array in arguments)
    tensors = project_points(positions, lidar2cam, cam2img, (HEIGHT, WIDTH), 0.5, border)
    assert 10 < arrays.visible.sum() < 1100
    np.testing.assert_array_equal(tensors.visible.numpy(), arrays.visible)
    np.testing.assert_allclose(tensors.depth.numpy(), arrays.depth, rtol=1e-12)
    np.testing.assert_allclose(tensors.pixels.numpy(), arrays.pixels, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("border", ["slidr", "pixel", "none"])
def test_points_behind_or_at_infinity_are_invisible(border: Border) -> None:
    points = np.array([[0, 0, -5], [0, 0, np.inf], [np.inf, 0, 5], [0, 0, 5]])
    with np.errstate(invalid="ignore", over="ignore"):
        found = project_points(points, np.eye(4), CAM2IMG, (HEIGHT, WIDTH), border=border)
    assert found.visible.tolist() == [False, False, False, True]


def test_convention_depth_must_exceed_the_least_depth() -> None:
    assert visible((0, 0, 1), (0, 0, 1.001), (0, 0, -5)) == [False, True, False]
    nearer = project_points(np.array([[0, 0, 0.6]]), np.eye(4), CAM2IMG, (HEIGHT, WIDTH), 0.5)
    assert nearer.visible.tolist() == [True]


def test_nan_and_points_at_the_camera_are_invisible() -> None:
    points = np.array([[np.nan, 0, 5], [0, 0, np.nan], [1, 1, 0], [0, 0, -1]])
    projection = project_points(points, np.eye(4), CAM2IMG, (HEIGHT, WIDTH))
    assert not projection.visible.any()
    assert np.isfinite(projection.pixels).all()


def test_no_points_give_no_entries() -> None:
    projection = project_points(np.zeros((0, 3)), np.eye(4), CAM2IMG, (HEIGHT, WIDTH))
    assert [len(part) for part in dataclasses.astuple(projection)] == [0, 0, 0]


def test_single_precision_points_are_projected_in_double() -> None:
    points: NDArray[Any] = np.array([[0.1, 0.2, 9.7]], dtype=np.float32)
    projection = project_points(points, np.eye(4), CAM2IMG, (HEIGHT, WIDTH))
    assert projection.pixels.dtype == np.float64
    expected = 10 * float(points[0, 0]) / float(points[0, 2]) + 4
    assert projection.pixels[0, 0] == pytest.approx(expected, rel=1e-14)


def test_rejects_wrong_shapes_and_depths() -> None:
    with pytest.raises(ValueError, match=r"points must have shape \(N, 3\), but got \(2, 4\)"):
        project_points(np.zeros((2, 4)), np.eye(4), CAM2IMG, (HEIGHT, WIDTH))
    with pytest.raises(ValueError, match=r"cam2img must have shape \(3, 3\), but got \(4, 4\)"):
        project_points(np.zeros((2, 3)), np.eye(4), np.eye(4), (HEIGHT, WIDTH))
    with pytest.raises(ValueError, match="min_depth must be positive, but got 0"):
        project_points(np.zeros((2, 3)), np.eye(4), CAM2IMG, (HEIGHT, WIDTH), min_depth=0)
    unknown: Any = "half"
    with pytest.raises(ValueError, match=r'border must be one of .* but got "half"'):
        project_points(np.zeros((2, 3)), np.eye(4), CAM2IMG, (HEIGHT, WIDTH), border=unknown)
