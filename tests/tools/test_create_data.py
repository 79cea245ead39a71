"""The command line of data preparation."""

import sys
from pathlib import Path

import pytest

from perception_kd.io.info_file import read_info
from tools import create_data


def test_prepares_nuscenes(fake_nuscenes: Path, tmp_path: Path) -> None:
    options = ["--version", "v1.0-mini", "--out-dir", str(tmp_path), "--prefix", "small"]
    assert create_data.main(["nuscenes", "--root", str(fake_nuscenes), *options]) == 0
    info = read_info(tmp_path / "small_infos_train.pkl")
    assert len(info["data_list"]) == 2
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        "small_infos_train.pkl",
        "small_infos_val.pkl",
    ]


def test_the_stored_command_makes_the_same_file(fake_nuscenes: Path, tmp_path: Path) -> None:
    options = ["--version", "v1.0-mini", "--out-dir", str(tmp_path), "--camera-boxes"]
    options += ["--max-sweeps", "1", "--max-camera-sweeps", "0", "--workers", "0"]
    assert create_data.main(["nuscenes", "--root", str(fake_nuscenes), *options]) == 0
    path = tmp_path / "nuscenes_infos_val.pkl"
    first = path.read_bytes()
    command = read_info(path)["metainfo"]["command"].split()
    assert command[:2] == ["python", "tools/create_data.py"]
    path.unlink()
    assert create_data.main(command[2:]) == 0
    assert path.read_bytes() == first


def test_prepares_semantickitti(fake_semantickitti: Path, tmp_path: Path) -> None:
    options = ["--out-dir", str(tmp_path), "--train-sequences", "0", "8", "--val-sequences", "7"]
    assert create_data.main(["semantickitti", "--root", str(fake_semantickitti), *options]) == 0
    info = read_info(tmp_path / "semantickitti_infos_val.pkl")
    assert {x["scene_name"] for x in info["data_list"]} == {"07"}


@pytest.mark.parametrize(
    "words", [["nuscenes", "--version", "v1.0-mini"], ["semantickitti"]], ids=["nuscenes", "kitti"]
)
def test_a_wrong_folder_is_one_line_of_text(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create_data.main([*words, "--root", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --root must ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", create_data.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        create_data.main([command, "--help"])
    assert end.value.code == 0
    assert create_data.COMMANDS[command].about.split()[0] in capsys.readouterr().out


def test_arguments_come_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["create_data.py", "semantickitti", "--root", str(tmp_path)])
    assert create_data.main() == 2
