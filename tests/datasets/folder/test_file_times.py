"""Times of files: from names, dates, tables and order."""

from pathlib import Path
from typing import Any

import pytest

from perception_kd.datasets.folder.file_lists import list_files, natural_key
from perception_kd.datasets.folder.file_times import read_file_times
from perception_kd.datasets.folder.rig import Times
from perception_kd.datasets.folder.sections import RigError

PATHS = ["lidar/7.pcd", "lidar/8.pcd", "lidar/10.pcd"]


def read(root: Path, times: Times, paths: list[str]) -> list[float]:
    return read_file_times(times, root, "monday", paths, "rig.yaml: lidar")


@pytest.mark.parametrize(
    ("times", "name", "expected"),
    [
        (Times("names", "{time}", "ns"), "1533151603512404000", 1533151603.512404),
        (Times("names", "{time}", "us"), "1533151603512404", 1533151603.512404),
        (Times("names", "cam0_{time}_*", "ms"), "cam0_1533151603512_rgb", 1533151603.512),
        (Times("names", "{time}", "s"), "1533151603.512404", 1533151603.512404),
        (Times("names", "{s}_{ns}", "s"), "1533151603_012404000", 1533151603.012404),
        (Times("names", "{s}-{us}", "s"), "12-000250", 12.00025),
        (Times("names", "f{time}", rate_hz=10), "f0965", 96.5),
        (Times("names", "{time}", "s", offset_s=-0.5), "12", 11.5),
        (
            Times("names", "{time}", format="%Y-%m-%d-%H-%M-%S-%f"),
            "2018-08-01-19-26-43-512404123",
            1533151603.512404,
        ),
        (Times("order", rate_hz=4), "anything", 0.0),
    ],
)
def test_names_become_seconds(tmp_path: Path, times: Times, name: str, expected: float) -> None:
    assert read(tmp_path, times, [f"a/{name}.pcd"])[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("0.5\n0.6\n0.8\n", {"time_column": "0"}),
        ("# s\n7 0.5\n8 0.6\n10 0.8\n", {"time_column": "1", "name_column": "0"}),
        ("name;t\n10.pcd;0.8\n7.pcd;0.5\n8.pcd;0.6\n9.pcd;1\n", {"time_column": "t"}),
    ],
)
def test_tables_give_times(tmp_path: Path, text: str, columns: dict[str, str]) -> None:
    (tmp_path / "monday.csv").write_text(text)
    if ";" in text:
        columns = columns | {"name_column": "name"}
    times = Times("csv", file="{scene}.csv", **columns)  # type: ignore[arg-type]
    assert read(tmp_path, times, PATHS) == [0.5, 0.6, 0.8]


def test_dates_with_blanks_are_one_cell(tmp_path: Path) -> None:
    lines = [f"2011-09-26 13:02:2{i}.964389445" for i in range(3)]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    times = Times("csv", format="%Y-%m-%d %H:%M:%S.%f", file="t.txt", time_column="0")
    found = read(tmp_path, times, PATHS)
    assert found[2] - found[0] == pytest.approx(2.0)
    assert found[0] == pytest.approx(1317042140.964389, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "text", "words"),
    [
        ({"time_column": "0"}, "1\n2\n", "has 2 rows, but there are 3 files"),
        ({"time_column": "stamp"}, "time\n1\n2\n3\n", "is 'stamp', but the first line of"),
        ({"time_column": "0"}, "1\nx\n3\n", "has 'x', which is not a number in s"),
        ({"time_column": "1", "name_column": "0"}, "7 1\n", "has no row for lidar/8.pcd"),
        ({"time_column": "0"}, "\n\n", "has no rows"),
    ],
)
def test_faults_of_tables_are_named(tmp_path: Path, settings: Any, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RigError, match=words) as caught:
        read(tmp_path, Times("csv", file="t.csv", **settings), PATHS)
    assert "rig.yaml: lidar.times" in str(caught.value)
    assert str(tmp_path / "t.csv") in str(caught.value)


def test_files_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("b/x10.pcd", "b/x9.pcd", "a/x1.pcd", "a/.x2.pcd", "a/x3.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert list_files(tmp_path, "{scene}/*.pcd") == {
        "a": ["a/x1.pcd"],
        "b": ["b/x9.pcd", "b/x10.pcd"],
    }
    assert natural_key("x9") < natural_key("x10") < natural_key("y1")
