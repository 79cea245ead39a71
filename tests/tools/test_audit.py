"""tools/audit.py: no answer is not a good answer."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import audit

CLEAN = {"name": "numpy", "version": "1.26.4", "vulns": []}
BAD = {
    "name": "pillow",
    "version": "9.0.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["9.0.1"]}, {"id": "PYSEC-2"}],
}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "text"),
    [
        ([CLEAN], 0, "1 packages checked, 0 known vulnerabilities"),
        ([CLEAN, BAD], 1, "pillow 9.0.0: PYSEC-1, fixed in 9.0.1"),
        ([BAD], 1, "PYSEC-2, fixed in no version"),
        ([CLEAN, SKIPPED], 2, "error: 1 packages were not checked: torch"),
        ([BAD, SKIPPED], 1, "error: 1 packages were not checked: torch"),
        ([SKIPPED] * 3, 2, "nothing was checked: it knows none of the 3 packages"),
        ([], 2, "nothing was checked: connection refused"),
    ],
)
def test_status_and_text(packages: list[dict[str, Any]], status: int, text: str) -> None:
    found, lines = audit.judge(packages, "connection refused")
    assert found == status
    assert text in "\n".join(lines)


@pytest.mark.parametrize(
    ("output", "status"),
    [("", 2), ("no JSON", 2), (json.dumps({"dependencies": [CLEAN]}), 0)],
)
def test_the_output_of_pip_audit_is_read(
    output: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.CompletedProcess([], 1, output, "first\nfailed to resolve host\n")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: done)
    assert audit.main([]) == status
    assert ("nothing was checked: failed to resolve host" in capsys.readouterr().out) == (
        status == 2
    )


def test_missing_pins_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--pins", str(tmp_path / "none.txt")]) == 2
    assert "error: no file of pins at" in capsys.readouterr().err
