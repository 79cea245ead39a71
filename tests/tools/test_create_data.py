"""The command line of data preparation."""

import os
import signal
import sys
from pathlib import Path

import pytest

from perception_kd.io.info_file import read_info
from perception_kd.io.lock import LOCK, lock_folder
from tests.faults import ROOT, Tool
from tests.superpixels.test_create import root
from tools import create_data

__all__ = ["root"]


def test_prepares_nuscenes(fake_nuscenes: Path, tmp_path: Path) -> None:
    options = ["--version", "v1.0-mini", "--out-dir", str(tmp_path), "--prefix", "small"]
    assert create_data.main(["nuscenes", "--root", str(fake_nuscenes), *options]) == 0
    info = read_info(tmp_path / "small_infos_train.pkl")
    assert len(info["data_list"]) == 2
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        "calibration",
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


@pytest.mark.parametrize("command", ["nuscenes", "semantickitti", "superpixels", "synthetic"])
def test_two_commands_do_not_write_to_one_folder(
    command: str,
    fake_nuscenes: Path,
    fake_semantickitti: Path,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = {
        "nuscenes": ["--root", str(fake_nuscenes), "--version", "v1.0-mini"],
        "semantickitti": ["--root", str(fake_semantickitti)],
        "superpixels": ["--info", str(root / "infos.pkl"), "--data-root", str(root)],
        "synthetic": [],
    }
    option = "--root" if command == "synthetic" else "--out-dir"
    folder = tmp_path / "out"
    folder.mkdir()
    with lock_folder(option, folder):
        assert create_data.main([command, *words[command], option, str(folder)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {option} {folder} is in use by process {os.getpid()} on ")
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_a_second_command_waits_for_its_turn(
    fake_nuscenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    words = ["nuscenes", "--root", str(fake_nuscenes), "--version", "v1.0-mini", "--workers", "0"]
    words += ["--out-dir", str(folder)]
    with Tool([ROOT / "tools/create_data.py", *words], tmp_path) as first:
        first.wait_until((folder / LOCK).exists)
        first.send(signal.SIGSTOP, to_all=False)
        assert create_data.main(words) == 2
        assert f"is in use by process {first.pid} on " in capsys.readouterr().err
        first.send(signal.SIGCONT, to_all=False)
        assert first.end() == 0
    files = {path.name: path.read_bytes() for path in folder.glob("*.pkl")}
    assert set(files) == {"nuscenes_infos_train.pkl", "nuscenes_infos_val.pkl"}
    assert create_data.main(words) == 0
    assert files == {path.name: path.read_bytes() for path in folder.glob("*.pkl")}
