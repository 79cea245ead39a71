"""Files of points of all formats give the points that were written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.io.point_files.readers import count_stored_points, read_points
from perception_kd.structures import PointLayout, Points
from tests.io.point_files.write_points import (
    Rows,
    make_rows,
    pcd_header,
    write_las,
    write_npz,
    write_pcd,
    write_ply,
)

NAMED = PointLayout()
WITH_RING = PointLayout(columns=("x", "y", "z", "intensity", "ring"))


def expected(rows: Rows, names: tuple[str, ...] = ("x", "y", "z", "intensity")) -> Points:
    return np.stack([rows[name] for name in names], axis=1).astype(np.float32)


def check(path: Path, rows: Rows, layout: PointLayout = NAMED, atol: float = 1e-6) -> None:
    points = read_points(path, layout)
    assert points.dtype == np.float32
    names: Any = layout.columns or NAMED.columns or ("x", "y", "z", "intensity")
    np.testing.assert_allclose(points, expected(rows, names), rtol=1e-7, atol=atol)
    assert count_stored_points(path, layout) == len(rows)


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("position", ["<f4", "<f8", "<i2"])
def test_pcd_of_each_encoding_and_type(tmp_path: Path, encoding: str, position: str) -> None:
    rows = make_rows(position=position)
    write_pcd(tmp_path / "a.pcd", rows, encoding)
    check(tmp_path / "a.pcd", rows, WITH_RING)


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_pcd_fields_of_several_values(tmp_path: Path, encoding: str) -> None:
    rows = np.zeros(
        30, [("normal", "<f4", (3,)), ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("i", "<f8", (2,))]
    )
    for name in rows.dtype.names or ():
        rows[name] = np.arange(rows[name].size).reshape(rows[name].shape) + 0.5
    write_pcd(tmp_path / "a.pcd", rows, encoding)
    points = read_points(tmp_path / "a.pcd", PointLayout(columns=("x", "y", "z", "i[1]")))
    assert points[:, 3].tolist() == rows["i"][:, 1].tolist()
    assert points[:, 0].tolist() == rows["x"].tolist()


def test_pcd_padding_of_any_count_is_left_out(tmp_path: Path) -> None:
    # As drivers write it: none after x, four bytes after y, COUNT 0 elsewhere.
    rows = make_rows()
    padded = np.zeros(len(rows), [("a", "V4"), ("b", "V4"), ("_", "V4"), ("c", "V4"), ("d", "V3")])
    raw = np.zeros((len(rows), padded.itemsize), np.uint8)
    packed = rows.view(np.uint8).reshape(len(rows), -1)
    raw[:, :8], raw[:, 12:] = packed[:, :8], packed[:, 8:]
    header = pcd_header(rows, "binary", padding=(0, 4, 0, 0, 0))
    (tmp_path / "a.pcd").write_bytes(header + raw.tobytes() + bytes(100))
    check(tmp_path / "a.pcd", rows, WITH_RING)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("DATA binary", "DATA BINARY"),
        ("FIELDS x y z", "FIELDS X Y Z"),
        ("FIELDS", "COLUMNS"),
        ("VERSION 0.7", "VERSION .7"),
        ("VERSION 0.7\n", ""),
        ("COUNT 1 1 1 1 1\n", ""),
        ("POINTS 50\n", ""),
        ("WIDTH 50\nHEIGHT 1", "WIDTH 10\nHEIGHT 5"),
        ("WIDTH 50\nHEIGHT 1", "WIDTH 50"),
        ("TYPE F F F", "type f f f"),
        ("# .PCD v0.7 - Point Cloud Data file format", "# \xe9\xe8\xff"),
    ],
)
def test_pcd_headers_as_others_write_them(tmp_path: Path, old: str, new: str) -> None:
    rows = make_rows()
    header = pcd_header(rows, "binary").decode()
    assert old in header
    path = tmp_path / "a.PCD"
    path.write_bytes(header.replace(old, new).encode("latin-1") + rows.tobytes())
    check(path, rows, WITH_RING)


@pytest.mark.parametrize("byte_order", ["<", ">", "="])
@pytest.mark.parametrize("position", ["<f4", "<f8"])
def test_ply_of_each_encoding_with_faces(tmp_path: Path, byte_order: str, position: str) -> None:
    rows = make_rows(position=position)
    write_ply(tmp_path / "a.ply", rows, byte_order, faces=True)
    check(tmp_path / "a.ply", rows, WITH_RING, atol=1e-5 if byte_order == "=" else 0)


def test_ply_rows_before_the_vertices_are_skipped(tmp_path: Path) -> None:
    rows = make_rows()
    write_ply(tmp_path / "a.ply", rows)
    head, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n", 1)
    head = head.replace(
        b"element vertex", b"element camera 2\nproperty short id\nelement vertex"
    ).replace(b"\n", b"\r\n")
    (tmp_path / "b.ply").write_bytes(head + b"end_header\r\n" + bytes(4) + body)
    check(tmp_path / "b.ply", rows, WITH_RING)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_tables_of_each_type_and_order(tmp_path: Path, dtype: str, order: Any) -> None:
    table = np.round(np.random.default_rng(0).uniform(-60, 60, (40, 4))).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", table)
    points = read_points(tmp_path / "a.npy", PointLayout(unit=0.5, intensity_scale=2.0))
    assert points[:, :3].tolist() == (table[:, :3] * 0.5).tolist()
    assert points[:, 3].tolist() == (table[:, 3] * 2.0).tolist()
    assert count_stored_points(tmp_path / "a.npy", NAMED) == 40


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_of_each_version(tmp_path: Path, version: tuple[int, int]) -> None:
    rows = make_rows()
    with (tmp_path / "a.npy").open("wb") as file:
        write_array: Any = np.lib.format.write_array  # it has no types
        write_array(file, rows, version=version)
    check(tmp_path / "a.npy", rows, WITH_RING)


def test_npz_of_fields_or_of_one_table(tmp_path: Path) -> None:
    rows = make_rows(position="<f8")
    write_npz(tmp_path / "a.npz", rows)
    check(tmp_path / "a.npz", rows, WITH_RING)
    np.savez(tmp_path / "b.npz", points=expected(rows), stamp=np.array([1.0]))
    check(tmp_path / "b.npz", rows)
    np.savez_compressed(tmp_path / "c.npz", rows)
    check(tmp_path / "c.npz", rows, WITH_RING)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("point_format", range(11))
def test_las_of_each_point_format(tmp_path: Path, point_format: int, suffix: str) -> None:
    if suffix == ".laz" and point_format in (4, 5, 9, 10):
        pytest.skip("lazrs does not compress waveforms")
    rows = make_rows()
    path = tmp_path / f"a{suffix}"
    write_las(path, rows, point_format)
    check(path, rows)


def test_las_on_a_map_keeps_its_digits(tmp_path: Path) -> None:
    sensor = (691234.125, 5334567.875, 512.5)
    rows = make_rows(position="<f8")
    for name, place in zip("xyz", sensor, strict=True):
        rows[name] = np.round(rows[name], 3) + place
    write_las(tmp_path / "a.las", rows, 6, sensor, 1e-3)
    points = read_points(tmp_path / "a.las", PointLayout(origin=sensor))
    for i, (name, place) in enumerate(zip("xyz", sensor, strict=True)):
        np.testing.assert_allclose(points[:, i], rows[name] - place, atol=1e-6)
    with pytest.raises(ValueError, match=r"a\.las does not hold points in m .* origin of lidar_p"):
        read_points(tmp_path / "a.las", NAMED)


def test_organized_clouds_keep_the_rows_of_nan(tmp_path: Path) -> None:
    rows = make_rows()
    rows["x"][::3] = np.nan
    write_pcd(tmp_path / "a.pcd", rows, "binary")
    points = read_points(tmp_path / "a.pcd", NAMED)
    assert np.isnan(points[:, 0]).tolist() == np.isnan(rows["x"]).tolist()


@pytest.mark.parametrize(("module", "suffix"), [("lzf", "pcd"), ("laspy", "las"), ("lazrs", "laz")])
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "pcd":
        write_pcd(path, make_rows(), "binary_compressed")
    else:
        write_las(path, make_rows())
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs the package {module} .*perception-kd\[points\]"):
        read_points(path, NAMED)


def test_formats_are_imported_when_such_a_file_is_read() -> None:
    code = (
        "import sys; import perception_kd.io.point_files.readers; "
        "print({'lzf', 'laspy', 'lazrs', 'plyfile'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
