"""Full and read-only disks: one line, nothing half-written, and a way to continue."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.toy import ToyModel, write_config
from tests.faults import SmallDisk
from tests.superpixels.test_create import root
from tools import create_data
from tools import train as train_tool

__all__ = ["root"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.close()


def make_superpixels(root: Path, folder: Path) -> int:
    words = ["superpixels", "--info", str(root / "infos.pkl"), "--data-root", str(root)]
    return create_data.main([*words, "--out-dir", str(folder), "--workers", "0"])


def test_a_cache_on_a_full_disk_is_filled_when_there_is_space(
    root: Path, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    disk.resize("20k")  # five pages: some entries fit
    assert make_superpixels(root, disk.folder) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: [Errno 28] No space left on device: '{disk.folder}/")
    assert line.endswith("Free space, or choose a folder on another disk.")
    assert not list(disk.folder.glob(".*"))
    disk.resize("1m")
    assert make_superpixels(root, disk.folder) == 0
    assert make_superpixels(root, root / "whole") == 0
    for path in (root / "whole").glob("*.png"):
        assert (disk.folder / path.name).read_bytes() == path.read_bytes()


def test_a_read_only_disk_is_refused_before_the_work(
    root: Path, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    disk.resize("1m")
    disk.resize("1m,ro")
    assert make_superpixels(root, disk.folder) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: Cannot write to --out-dir {disk.folder}: Read-only file system")


def test_a_training_on_a_full_disk_goes_on_when_there_is_space(
    tmp_path: Path,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    disk.resize("1m")
    work_dir = disk.folder / "work"
    words = [str(write_config(tmp_path / "toy")), "--work-dir", str(work_dir)]
    original, steps = ToyModel.train_step, []

    def train_step(model: ToyModel, *args: Any, **kwargs: Any) -> Any:
        steps.append(1)
        if len(steps) == 6:
            disk.fill()
        return original(model, *args, **kwargs)

    monkeypatch.setattr(ToyModel, "train_step", train_step)
    named = ["--cfg-options", f"experiment_name={work_dir}"]
    assert train_tool.main([*words, *named]) == 2
    error = capfd.readouterr().err
    assert "Traceback" not in error
    line = error.splitlines()[-1]
    assert line.startswith("error: ")
    assert "No space left on device" in line
    assert str(work_dir) in line
    assert [path.name for path in work_dir.glob("*.pth")] == ["epoch_1.pth"]
    torch.load(work_dir / "epoch_1.pth", weights_only=True)
    (disk.folder / "filling").unlink()
    assert train_tool.main([*words, "--resume", *named]) == 0
