"""Info files: samples are read back, and files of other origin are refused."""

import os
import pickle
import re
import shlex
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import pytest

from perception_kd.io.info_file import (
    INFO_ROOT,
    INFO_SCHEMA_VERSION,
    open_info,
    read_info,
    resolve_path,
)
from perception_kd.io.info_writer import InfoWriter, make_metainfo, write_info
from perception_kd.io.stored_samples import SamplesOnDisk
from perception_kd.structures import InfoEntry

COMMAND = "python tools/create_data.py nuscenes --root here --version v1.0-mini"
CAR = {"bbox_label_3d": 0, "bbox_3d": [1.0, 2.0, 0.0, 4.5, 1.9, 1.6, 0.3]}


def metainfo(**others: Any) -> dict[str, Any]:
    return make_metainfo("nuscenes", "v1.0-mini", COMMAND, **others)


def samples(count: int) -> Iterator[InfoEntry]:
    for i in range(count):
        shared = [float(i), 0.5]
        yield {
            "token": f"t{i}",
            "twice": [shared, shared],
            "array": np.full((2, 2), i, np.float32),
            "instances": [CAR],
        }


def dump(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize("count", [0, 1, 5])
def test_written_samples_are_read_back(tmp_path: Path, count: int) -> None:
    path = tmp_path / "new" / "infos.pkl"
    assert write_info(path, metainfo(), samples(count)).num_samples == count
    info = read_info(path)
    assert info["metainfo"] == metainfo()
    assert len(info["data_list"]) == count
    for read, written in zip(info["data_list"], samples(count), strict=True):
        np.testing.assert_array_equal(read.pop("array"), written.pop("array"))
        assert read == written


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_opened_file_has_the_same_samples(tmp_path: Path, count: int) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(count))
    opened, read = open_info(path), read_info(path)
    assert opened["metainfo"] == read["metainfo"]
    assert isinstance(opened["data_list"], SamplesOnDisk)
    assert len(opened["data_list"]) == count
    # In any order, and more than once.
    for index in [*range(count), *range(-count, 0)]:
        assert repr(opened["data_list"][index]) == repr(read["data_list"][index])
    assert [x["token"] for x in opened["data_list"][1:]] == [f"t{i}" for i in range(1, count)]
    with pytest.raises(IndexError, match=f"index {count} is out of range for {count} samples"):
        opened["data_list"][count]


def test_an_opened_file_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    big = ({"token": f"t{i}", "values": [float(i + j) for j in range(5000)]} for i in range(200))
    write_info(path, metainfo(), big)
    tracemalloc.start()
    assert sum(len(sample["values"]) for sample in open_info(path)["data_list"]) == 1_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6  # of 50 MB


def test_a_file_of_another_program_is_opened_whole(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(3))
    dump(path, read_info(path))
    assert [x["token"] for x in open_info(path)["data_list"]] == ["t0", "t1", "t2"]


@pytest.mark.parametrize("place", [-16, -24, -40])
def test_a_damaged_table_is_refused(tmp_path: Path, place: int) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(3))
    content = bytearray(path.read_bytes())
    content[place] ^= 0x15
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is broken: .*make it with"):
        open_info(path)
    assert len(read_info(path)["data_list"]) == 3


@pytest.mark.parametrize("count", [0, 5, 16, 17, 1000])
def test_an_excerpt_is_spread_over_the_file(tmp_path: Path, count: int) -> None:
    with InfoWriter(tmp_path / "infos.pkl", metainfo()) as writer:
        for i in range(count):
            writer.append({"token": f"t{i}", "images": {"left": {}}})
            writer.append({"token": "blind", "images": {}})
    kept = [int(sample["token"][1:]) for sample in writer.excerpt.samples]
    assert writer.excerpt.num_samples == 2 * count
    assert kept == list(range(0, count, max(1, *np.diff(kept), 1)))
    assert len(kept) == count if count <= 16 else 8 < len(kept) <= 16


def test_an_excerpt_finds_files_beside_its_info_file(tmp_path: Path) -> None:
    prefix = {"left": f"{INFO_ROOT}/undistorted"}
    excerpt = write_info(tmp_path / "infos.pkl", metainfo(data_prefix=prefix), samples(1))
    assert excerpt.metainfo == read_info(tmp_path / "infos.pkl")["metainfo"]
    assert prefix == {"left": f"{INFO_ROOT}/undistorted"}


def test_other_unpicklers_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(3))
    with path.open("rb") as file:
        python_only = pickle._Unpickler(file).load()
    assert [x["token"] for x in python_only["data_list"]] == ["t0", "t1", "t2"]
    assert [x["token"] for x in mmengine.load(path)["data_list"]] == ["t0", "t1", "t2"]


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    big = ({"token": f"t{i}", "values": [float(i + j) for j in range(5000)]} for i in range(200))
    tracemalloc.start()
    write_info(tmp_path / "infos.pkl", metainfo(), big)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The file is 9 MB, the objects 50 MB; a sample is 0.25 MB.
    assert (tmp_path / "infos.pkl").stat().st_size > 9e6
    assert peak < 2e6


def test_an_error_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(2))

    def fail_after_one() -> Iterator[InfoEntry]:
        yield {"token": "new"}
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_info(path, metainfo(), fail_after_one())
    assert [x["token"] for x in read_info(path)["data_list"]] == ["t0", "t1"]
    assert os.listdir(tmp_path) == ["infos.pkl"]


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    with InfoWriter(path, metainfo()) as writer:
        writer.append({"token": "new"})
        assert not path.exists()
    assert path.exists()


def test_refuses_another_schema_with_the_stored_command(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(schema_version=INFO_SCHEMA_VERSION + 1), samples(1))
    expected = (
        f"schema_version is {INFO_SCHEMA_VERSION + 1}, not {INFO_SCHEMA_VERSION}; make it with: "
    )
    with pytest.raises(ValueError, match=re.escape(f"{expected}{COMMAND}")) as error:
        read_info(path)
    assert str(path) in str(error.value)


def test_refuses_other_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(coordinates="somewhere else"), samples(1))
    with pytest.raises(ValueError, match="its coordinates are 'somewhere else'"):
        read_info(path)


@pytest.mark.parametrize("labels", [[1, 2], {"car": -1}, {"car": "x"}, {"car": 10**12}, {1: 2}])
def test_refuses_labels_of_points_that_are_no_table(tmp_path: Path, labels: Any) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(point_labels=labels), samples(1))
    with pytest.raises(ValueError, match="point_labels must be a dict of integers from 0"):
        read_info(path)


def test_refuses_a_file_of_mmdet3d(tmp_path: Path) -> None:
    head = {"dataset": "nuscenes", "version": "v1.0-test", "info_version": "1.1"}
    path = dump(tmp_path / "infos.pkl", {"metainfo": head, "data_list": list(samples(1))})
    with pytest.raises(ValueError, match="no schema_version: another converter") as error:
        read_info(path)
    command = f"create_data.py nuscenes --root {tmp_path} --version v1.0-test"
    assert command in str(error.value)


def test_refuses_a_missing_metainfo(tmp_path: Path) -> None:
    path = dump(tmp_path / "infos.pkl", {"metainfo": None, "data_list": list(samples(1))})
    with pytest.raises(ValueError, match=r"no schema_version.*create_data.py DATASET"):
        read_info(path)


def test_refuses_a_file_of_the_first_layout(tmp_path: Path) -> None:
    boxes = np.array([[1.0, 2.0, 0.0, 4.5, 1.9, 1.6, 0.3]])
    old = {"gt_names": np.array(["car"]), "gt_boxes": boxes}
    content = {"infos": [old], "metadata": {"version": "v1.0-mini"}}
    path = dump(tmp_path / "infos.pkl", content)
    with pytest.raises(ValueError, match=r"layout of mmdet3d < 1.1 \(infos\).*v1.0-mini"):
        read_info(path)


def test_refuses_old_coordinates_in_either_layout(tmp_path: Path) -> None:
    # Before 1.0, mmdet3d kept sizes as width, length, height: a car is then longer
    # along the second.
    boxes = np.array([[1.0, 2.0, 0.0, 1.9, 4.5, 1.6, 0.3], [0, 0, 0, 0.1, 0.2, 0.3, 0]])
    old = {"gt_names": np.array(["car", "barrier"]), "gt_boxes": boxes}
    first = dump(tmp_path / "first.pkl", {"infos": [old], "metadata": {}})
    second = tmp_path / "second.pkl"
    instances = [{"bbox_label_3d": 0, "bbox_3d": boxes[0].tolist()}]
    write_info(second, metainfo(), [{"instances": instances}])
    for path in (first, second):
        with pytest.raises(ValueError, match=r"coordinates of mmdet3d < 1.0"):
            read_info(path)


@pytest.mark.parametrize(
    "content",
    [[1, 2], {"metainfo": {}}, {"data_list": "text"}, {"data_list": [1]}, {"infos": [1]}],
)
def test_refuses_other_pickles(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ValueError, match="neither data_list nor infos"):
        read_info(dump(tmp_path / "infos.pkl", content))


@pytest.mark.parametrize("read", [read_info, open_info])
@pytest.mark.parametrize("kept", [0, 1, 40, 400, -1])
def test_refuses_a_truncated_file(tmp_path: Path, kept: int, read: Callable[..., Any]) -> None:
    path = tmp_path / "infos.pkl"
    write_info(path, metainfo(), samples(3))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"is broken: reading its \d+ bytes"):
        read(path)


def test_runs_no_code_from_a_file(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "attacked"),)

    path = dump(tmp_path / "infos.pkl", {"data_list": [], "metainfo": Attack()})
    with pytest.raises(ValueError, match="mkdir, which is not plain data"):
        read_info(path)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("nuscenes_infos_train.pkl", "nuscenes --root {}"),
        ("semantickitti_infos_train.pkl", "semantickitti --root {}"),
    ],
)
def test_a_missing_file_is_named_with_its_command(tmp_path: Path, name: str, command: str) -> None:
    folder = tmp_path / "my data"
    expected = re.escape(f"create_data.py {command.format(shlex.quote(str(folder)))}")
    with pytest.raises(FileNotFoundError, match=f"No info file at .*{name}; .*{expected}"):
        read_info(folder / name)


def test_the_command_of_a_missing_file_has_the_data_root(tmp_path: Path) -> None:
    path, drive = tmp_path / "out/folder_infos_train.pkl", tmp_path / "drive"
    expected = re.escape(f"folder --root {drive} --out-dir {path.parent}")
    with pytest.raises(FileNotFoundError, match=f"No info file at {path}; .*{expected}$"):
        read_info(path, drive)
    with pytest.raises(FileNotFoundError, match=f"folder --root {path.parent}$"):
        read_info(path, path.parent)


def test_resolves_paths_below_their_prefix() -> None:
    head = metainfo(data_prefix={"pts": "samples/LIDAR_TOP"})
    assert resolve_path(head, "pts", "a.bin") == "samples/LIDAR_TOP/a.bin"
    assert resolve_path(head, "CAM2", "sequences/00/a.png") == "sequences/00/a.png"
