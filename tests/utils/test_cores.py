"""The number of cores that a process may use."""

import os
from pathlib import Path

import pytest

from perception_kd.utils import cores


@pytest.mark.parametrize(
    ("quota", "number"),
    [("max 100000", 6), ("250000 100000", 2), ("50000 100000", 1), ("900000 100000", 6), (None, 6)],
)
def test_affinity_and_quota_limit_the_cores(
    quota: str | None, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores.count_cores() == number
