"""Checks of the machine."""

import errno
from collections import namedtuple
from pathlib import Path

import pytest

from perception_kd.doctor import machine
from perception_kd.doctor.finding import Finding, Level

Usage = namedtuple("Usage", ["total", "used", "free"])


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("workers", "threads", "level", "text"),
    [
        (2, "1", Level.OK, "2 cores, 2 workers"),
        (2, None, Level.OK, "not set"),
        (0, "8", Level.WARNING, "8 threads share 2 cores"),
        (0, "many", Level.WARNING, "positive number, but got 'many'"),
    ],
)
def test_workers_and_threads_fit_the_cores(
    workers: int, threads: str | None, level: Level, text: str
) -> None:
    finding = only(list(machine.check_cores(2, workers, threads)))
    assert finding.level is level
    assert text in finding.what


def test_more_workers_than_cores_are_a_warning() -> None:
    first, _ = machine.check_cores(2, 5, "1")
    assert first.level is Level.WARNING
    assert first.remedy == "--cfg-options train_dataloader.num_workers=1"


@pytest.mark.parametrize(
    ("free", "workers", "level"), [(5e9, 2, Level.OK), (6e7, 2, Level.WARNING), (6e7, 0, Level.OK)]
)
def test_small_shared_memory_is_a_warning_with_workers(
    free: float, workers: int, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(1e10, 0, free))
    assert only(list(machine.check_shared_memory(workers, tmp_path))).level is level


@pytest.mark.parametrize(
    ("free", "level"), [(9e9, Level.OK), (3e9, Level.WARNING), (1e8, Level.ERROR)]
)
def test_a_disk_that_is_nearly_full_is_named(
    free: float, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(1e10, 0, free))
    finding = only(list(machine.check_disks({"work dir": tmp_path / "not" / "there"})))
    assert finding.level is level
    assert finding.where == f"work dir {tmp_path}/not/there"


def test_a_read_only_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    finding = only(list(machine.check_disks({"work dir": tmp_path})))
    assert (finding.level, finding.what) == (Level.ERROR, "It cannot be written to.")


def test_few_open_files_are_a_warning_with_workers() -> None:
    assert only(list(machine.check_open_files(2, 256))).remedy == "run: ulimit -n 4096"
    assert not list(machine.check_open_files(0, 256))
    assert not list(machine.check_open_files(2, -1))  # no limit
