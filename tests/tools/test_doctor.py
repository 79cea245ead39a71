"""tools/doctor.py: its lines, its files and its exit status."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perception_kd.doctor import command
from perception_kd.doctor.finding import Finding, Level
from tools import doctor


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Findings that take the place of those of all checks."""
    findings: list[Finding] = []
    monkeypatch.setattr(command, "run_checks", lambda *_: iter(findings))
    return findings


@pytest.mark.parametrize(("level", "status"), [(Level.OK, 0), (Level.WARNING, 0), (Level.ERROR, 1)])
def test_only_errors_change_the_exit_status(
    level: Level, status: int, found: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    found.append(Finding(level, "data", "A file\nis broken.", "a.bin", "copy it again"))
    assert doctor.main([]) == status
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"{level.value:7} data: a.bin: A file is broken. -> copy it again"
    assert f"1 {level.value}" in last


def test_findings_are_written_as_json(tmp_path: Path, found: list[Finding]) -> None:
    found.append(Finding(Level.ERROR, "data", "It is broken.", "a.bin", "copy it", 2, ("a", "b")))
    path = tmp_path / "new" / "doctor.json"
    assert doctor.main(["--json", str(path)]) == 1
    content = json.loads(path.read_text())
    assert content["counts"] == {"ok": 0, "warning": 0, "error": 1}
    assert content["findings"][0]["places"] == ["a", "b"]
    assert content["findings"][0]["level"] == content["level"] == "error"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--num", "0"], "--num must be at least 1"),
        (["--workers", "-1"], "--workers must be at least 0"),
        (["--config", "no_such.py"], "no_such.py"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor.main(options) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert text in error
    assert error.count("\n") == 1


def test_ctrl_c_keeps_the_findings_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> Iterator[Finding]:
        yield Finding(Level.OK, "data", "The first.")
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_checks", interrupted)
    assert doctor.main([]) == 130
    shown = capsys.readouterr()
    assert "ok      data: The first." in shown.out
    assert shown.err.endswith("Stopped. The findings above are incomplete.\n")


def test_colors_are_only_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(Level.ERROR, "data", "It is broken.")
    assert "\033" not in command.format_finding(finding, sys.stdout)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[31merror" in command.format_finding(finding, sys.stdout)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in command.format_finding(finding, sys.stdout)


@pytest.mark.parametrize(
    ("options", "place", "expected"),
    [
        (["--json", "{}/folder"], "folder", "--json {}/folder is a folder"),
        (["--json", "{}/file/a.json"], "file", "Cannot write to the folder of --json {}/file"),
        (["--report", "{}"], "doctor.html", "--report {}/doctor.html is a folder"),
    ],
)
def test_results_that_cannot_be_written_are_refused_first(
    options: list[str],
    place: str,
    expected: str,
    tmp_path: Path,
    found: list[Finding],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    if place != "file":
        (tmp_path / place).mkdir()
    assert doctor.main([option.format(tmp_path) for option in options]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {expected.format(tmp_path)}")
    assert not shown.out
