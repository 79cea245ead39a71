"""Columns, factors, axes and origins of stored points, by points worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.fields import arrange
from perception_kd.io.point_files.readers import read_points
from perception_kd.structures import PointLayout

PATH = Path("sweep.pcd")
FIELDS = {
    "X": np.array([1.0, 2.0]),
    "y": np.array([3.0, 4.0]),
    "z": np.array([5.0, 6.0]),
    "reflectivity": np.array([0, 65535], np.uint16),
    "ring": np.array([7, 9], np.uint8),
}
COLUMNS = ("x", "y", "z", "reflectivity")


def test_fields_are_found_by_name_in_any_case() -> None:
    points = arrange(FIELDS, PointLayout(columns=(*COLUMNS, "ring")), PATH)
    assert points.dtype == np.float32
    assert points.tolist() == [[1, 3, 5, 0, 7], [2, 4, 6, 65535, 9]]


def test_the_factor_is_of_the_intensity_alone() -> None:
    layout = PointLayout(columns=(*COLUMNS, "ring"), intensity_scale=255 / 65535)
    assert arrange(FIELDS, layout, PATH).tolist() == [[1, 3, 5, 0, 7], [2, 4, 6, 255, 9]]


def test_an_intensity_that_is_not_stored_is_zero() -> None:
    points = arrange(FIELDS, PointLayout(columns=("X", "y", "z", None)), PATH)
    assert points.tolist() == [[1, 3, 5, 0], [2, 4, 6, 0]]


def test_convention_axes_name_what_is_stored_along_x_y_and_z() -> None:
    # A sensor whose x is on the right and y ahead: ahead is its y, left its -x.
    points = arrange(FIELDS, PointLayout(columns=COLUMNS, axes=("y", "-x", "z")), PATH)
    assert points[:, :3].tolist() == [[3, -1, 5], [4, -2, 6]]


def test_the_origin_is_in_stored_units_and_axes() -> None:
    layout = PointLayout(columns=COLUMNS, axes=("y", "-x", "z"), unit=0.5, origin=(1.0, 1.0, 5.0))
    assert arrange(FIELDS, layout, PATH)[:, :3].tolist() == [[1, 0, 0], [1.5, -0.5, 0.5]]


def test_positions_on_a_map_keep_their_digits() -> None:
    # Near 5e6, numbers of float32 are half a meter apart.
    east, north = 691234.123, 5334567.891
    stored = {**FIELDS, "X": np.array([east + 1.25, east]), "y": np.array([north, north - 0.03])}
    layout = PointLayout(columns=COLUMNS, origin=(east, north, 0.0))
    points = arrange(stored, layout, PATH)
    np.testing.assert_allclose(points[:, :2], [[1.25, 0], [0, -0.03]], atol=1e-6)


def test_integers_of_a_unit_become_meters() -> None:
    rows = np.array([[-1250, 20, 5, 7]], np.int16)
    assert arrange(rows, PointLayout(unit=0.001), PATH).tolist() == [
        [-1.25, pytest.approx(0.02), pytest.approx(0.005), 7]
    ]


def test_columns_without_names_are_chosen_by_index(tmp_path: Path) -> None:
    path = tmp_path / "sweep.bin"
    np.array([[40, 1, 2, 3], [50, 4, 5, 6]], np.float32).tofile(path)
    points = read_points(path, PointLayout(num_columns=4, columns=(1, 2, 3, 0)))
    assert points.tolist() == [[1, 2, 3, 40], [4, 5, 6, 50]]
    points = read_points(path, PointLayout(num_columns=4, columns=(1, 2, 3, None)))
    assert points.tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]


def test_three_columns_need_a_word_about_the_intensity(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1, 2, 3], [4, 5, 6.0]]))
    with pytest.raises(BrokenFileError, match=r"has 3 columns without names.*\[0, 1, 2, None\]"):
        read_points(tmp_path / "a.npy", PointLayout())
    points = read_points(tmp_path / "a.npy", PointLayout(columns=(0, 1, 2, None)))
    assert points.tolist() == [[1, 2, 3, 0], [4, 5, 6, 0]]


@pytest.mark.parametrize("columns", [None, ("x", "y", "z", "i"), (0, 1, 2, 3)])
def test_a_missing_field_is_named_with_those_there_are(columns: tuple[str, ...] | None) -> None:
    with pytest.raises(BrokenFileError, match=r"no field .*; it has X, y, z, reflectivity, ring"):
        arrange(FIELDS, PointLayout(columns=columns), PATH)


def test_text_is_no_coordinate() -> None:
    with pytest.raises(BrokenFileError, match=r"instead of numbers in field 'y'"):
        arrange({**FIELDS, "y": np.array(["a", "b"])}, PointLayout(columns=COLUMNS), PATH)
