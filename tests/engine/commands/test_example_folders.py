"""Folders on the command line of examples."""

import sys
from pathlib import Path

import pytest

from perception_kd.engine.commands.example_folders import parse_folders
from perception_kd.io.info_file import read_info


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what examples do with errors."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def info_root(tmp_path: Path) -> Path:
    folder = tmp_path / "infos"
    (folder / "regions").mkdir(parents=True)
    return folder


def test_one_folder_is_the_root_of_data_and_infos(
    info_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["prc.py", str(info_root)])
    assert parse_folders("regions") == (str(info_root), str(info_root))


def test_the_second_folder_is_the_root_of_infos(
    info_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_root = info_root.parent
    monkeypatch.setattr(sys, "argv", ["prc.py", str(data_root), str(info_root)])
    assert parse_folders("regions") == (str(data_root), str(info_root))


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "the following arguments are required: DATA_ROOT"),
        (["none"], "error: No folder at none; give the folder of the data set as DATA_ROOT."),
        (["."], "error: No regions in .; create it with tools/create_data.py, or give the folder"),
        ([".", "none"], "error: No regions in none; create it with tools/create_data.py"),
    ],
)
def test_a_missing_folder_is_refused_in_one_line(
    folders: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prc.py", *folders])
    with pytest.raises(SystemExit) as stop:
        parse_folders("regions")
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_later_error_of_the_user_is_one_line(
    info_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["prc.py", str(info_root)])
    parse_folders()
    with pytest.raises(FileNotFoundError) as refused:
        read_info(info_root / "infos.pkl")
    sys.excepthook(refused.type, refused.value, refused.tb)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: No info file at {info_root}")
    with pytest.raises(ZeroDivisionError) as bug:
        divmod(1, 0)
    sys.excepthook(bug.type, bug.value, bug.tb)
    assert "Traceback" in capsys.readouterr().err
