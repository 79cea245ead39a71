"""Contents of a file of points, and the layout that is proposed for it."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.readers import read_points
from perception_kd.io.point_files.summary import propose_layout, summarize_points
from tests.io.point_files.write_points import make_rows, select, write_las, write_pcd


def write_spin(path: Path, num_columns: int, dtype: str) -> None:
    """Rows of a spinning LiDAR, whose neighbors are alike."""
    angle = np.linspace(0, 64 * np.pi, 4000)
    columns = [20 * np.cos(angle), 20 * np.sin(angle), -1.8 + 0 * angle, 40 + angle, angle // 7]
    np.stack(columns[:num_columns], axis=1).astype(dtype).tofile(path)


def test_a_summary_has_names_types_and_ranges(tmp_path: Path) -> None:
    rows = make_rows()
    rows["x"][:2] = -70, np.nan
    write_pcd(tmp_path / "a.pcd", rows, "binary")
    summary = summarize_points(tmp_path / "a.pcd")
    assert summary.num_points == 50
    assert [field.name for field in summary.fields] == ["x", "y", "z", "intensity", "ring"]
    first, *_, ring = summary.fields
    assert (first.dtype, first.lowest, first.num_invalid) == ("float32", -70, 1)
    assert (ring.dtype, ring.lowest, ring.largest, ring.num_invalid) == ("uint16", 0, 31, 0)
    assert "x: float32, -70 .. " in str(summary)


@pytest.mark.parametrize(
    ("num_columns", "dtype"), [(3, "float32"), (4, "float32"), (5, "float32"), (4, "float64")]
)
def test_the_columns_of_raw_rows_are_found(tmp_path: Path, num_columns: int, dtype: str) -> None:
    write_spin(tmp_path / "a.bin", num_columns, dtype)
    proposal = propose_layout(tmp_path / "a.bin")
    assert proposal.layout.num_columns == num_columns
    assert proposal.layout.dtype == dtype
    assert proposal.layout.columns == (0, 1, 2, None if num_columns == 3 else 3)
    assert any("guess" in note for note in proposal.notes)
    assert len(read_points(tmp_path / "a.bin", proposal.layout)) == 4000
    assert len(summarize_points(tmp_path / "a.bin").fields) == num_columns


@pytest.mark.parametrize(
    ("name", "largest", "scale"),
    [
        ("intensity", 255, 1.0),
        ("Reflectivity", 65535, 255 / 65535),
        ("i", 1.0, 255.0),
        ("remission", 200.5, 1.0),
    ],
)
def test_the_intensity_is_found_and_scaled(
    tmp_path: Path, name: str, largest: float, scale: float
) -> None:
    rows = select(make_rows(), "x", "y", "z", f"{name}=intensity", intensity="<f4")
    rows[name] *= largest / rows[name].max()
    write_pcd(tmp_path / "a.pcd", rows, "binary")
    layout, notes = propose_layout(tmp_path / "a.pcd")
    assert layout.columns == ("x", "y", "z", name)
    assert layout.intensity_scale == pytest.approx(scale)
    assert bool(notes) == (scale != 1)
    assert read_points(tmp_path / "a.pcd", layout)[:, 3].max() == pytest.approx(largest * scale)


def test_a_missing_intensity_is_said(tmp_path: Path) -> None:
    write_pcd(tmp_path / "a.pcd", select(make_rows(), "x", "y", "z", "ring"), "ascii")
    layout, notes = propose_layout(tmp_path / "a.pcd")
    assert layout.columns == ("x", "y", "z", None)
    assert notes == ("no intensity was found: it will be 0",)


def test_integers_are_taken_as_millimeters(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[-52000, 20, 5, 7], [1, 2, 3, 255]], np.int32))
    layout, notes = propose_layout(tmp_path / "a.npy")
    assert layout.unit == 0.001
    assert "positions are integers up to 52000; they are taken as mm" in notes


def test_positions_on_a_map_ask_for_an_origin(tmp_path: Path) -> None:
    rows = make_rows(position="<f8")
    rows["x"] += 691234.0
    write_las(tmp_path / "a.las", rows, 6, (691234.0, 0, 0), 1e-3)
    layout, notes = propose_layout(tmp_path / "a.las")
    assert layout.columns == ("x", "y", "z", "intensity")
    assert any("origin" in note for note in notes)


def test_nothing_is_proposed_for_what_is_no_cloud(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(np.random.default_rng(0).bytes(40000))
    with pytest.raises(BrokenFileError, match=r"a\.bin does not look like rows of points"):
        propose_layout(tmp_path / "a.bin")
    write_pcd(tmp_path / "a.pcd", select(make_rows(), "x", "intensity", "ring"), "binary")
    with pytest.raises(BrokenFileError, match=r"no fields y, z; it has x, intensity, ring"):
        propose_layout(tmp_path / "a.pcd")
