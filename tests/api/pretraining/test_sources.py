"""Kinds of folders of data that are recognized, and messages on others."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.api.pretraining.sources import find_source, propose_source
from tools import pretrain as pretrain_tool

TABLES = ("scene.json", "sample.json", "sample_data.json")


def make(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def tables(version: str) -> list[str]:
    return [f"{version}/{name}" for name in TABLES]


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["folder_infos_train.pkl", "rig.yaml"], "infos"),
        (["rig.yaml", "lidar/1.bin"], "folder"),
        (tables("v1.0-own"), "nuscenes"),
        (["sequences/00/velodyne/000000.bin"], "semantickitti"),
        (["dataset/sequences/00/velodyne/000000.bin"], "semantickitti"),
        (["metadata.yaml", "drive_0.mcap"], "rosbag"),
        (["drive.bag"], "rosbag"),
    ],
)
def test_known_data_are_recognized(files: list[str], kind: str, tmp_path: Path) -> None:
    root = make(tmp_path / "data", *files)
    source = find_source(root, tmp_path / "out")
    assert (source.kind, source.root) == (kind, root)
    if kind == "nuscenes":
        assert source.options[2:4] == ("--version", "v1.0-own")


def test_a_bag_may_be_given_as_a_file(tmp_path: Path) -> None:
    path = make(tmp_path, "drive.mcap") / "drive.mcap"
    source = find_source(path, tmp_path / "out")
    assert (source.kind, source.options) == ("rosbag", ("--bag", str(path)))
    assert source.data_root == Path("recording")
    with pytest.raises(ValueError, match=r"drive\.txt is not a ROS bag"):
        find_source(make(tmp_path, "drive.txt") / "drive.txt", tmp_path / "out")


def test_of_several_versions_one_is_chosen(tmp_path: Path) -> None:
    root = make(tmp_path, *tables("a"), *tables("b"))
    assert "b" in find_source(root, tmp_path / "out", version="b").options
    with pytest.raises(ValueError, match="has the tables of a, b; choose one as version"):
        find_source(root, tmp_path / "out")
    with pytest.raises(ValueError, match="has no folder c of nuScenes' tables; it has a, b"):
        find_source(root, tmp_path / "out", version="c")


def test_a_folder_without_a_rig_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    root = make(tmp_path / "data", "lidar/1.bin")
    with pytest.raises(ValueError, match=r"has no rig.yaml .* --propose"):
        find_source(root, tmp_path / "out")
    assert find_source(root, make(tmp_path / "out", "rig.yaml")).kind == "folder"


def test_a_rig_file_is_proposed_below_out_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "data", tmp_path / "out"
    (root / "lidar").mkdir(parents=True)
    points = np.random.default_rng(0).normal(0, 10, (200, 4)).astype(np.float32)
    for number in range(3):
        points.tofile(root / "lidar" / f"{number}.bin")
    command = [str(root), "--out", str(out), "--propose"]
    assert pretrain_tool.main(command) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"drafted rig file: {out / 'rig.yaml'}\nCheck and complete each line")
    assert (out / "rig.yaml").is_file()
    assert not (root / "rig.yaml").exists()
    assert propose_source(root, out) is None
    assert find_source(root, out).options[-2:] == ("--rig", str(out / "rig.yaml"))


def test_no_data_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No data at .*; give the folder of a recording"):
        find_source(tmp_path / "missing", tmp_path / "out")
