"""Tools that are asked to stop end with a status that says so, and leave nothing."""

import os
import re
import signal
import time
from itertools import repeat
from pathlib import Path

import pytest

from tests.engine.toy import write_config
from tests.faults import ROOT, Tool

# Jobs that never end, on two workers. The last argument: what cleaning up takes.
ENDLESS = """
import argparse, sys, time
from pathlib import Path
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.io.workers import run_jobs

def work(folder):
    Path(folder, f"started_{time.time_ns()}").touch()
    time.sleep(1000)

def command(args):
    try:
        list(run_jobs(work, [str(Path.cwd())] * 8, workers=2))
    finally:
        time.sleep(float(sys.argv[1]))

if __name__ == "__main__":
    sys.exit(run_tool(command, argparse.Namespace, "To continue, run it again."))
"""
# A job whose module takes long to import, as the server of workers does first.
SLOW = """
from pathlib import Path
import time

Path("importing").touch()
time.sleep(40)
"""
STARTING = """
import argparse, sys, time
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.io.workers import run_jobs

def command(args):
    list(run_jobs(time.sleep, [1000] * 8, workers=2, preload="slow"))

if __name__ == "__main__":
    sys.exit(run_tool(command, argparse.Namespace, "To continue, run it again."))
"""
INT, TERM, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL


def start_endless(folder: Path, cleaning_s: float = 0.0) -> Tool:
    (folder / "endless.py").write_text(ENDLESS)
    return Tool([folder / "endless.py", str(cleaning_s)], folder)


def wait_for_jobs(tool: Tool, folder: Path) -> None:
    tool.wait_until(lambda: len(list(folder.glob("started_*"))) == 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "to_all", "status"),
    [
        ([INT], True, 130),
        ([INT, INT], True, 130),
        ([TERM], True, 143),
        ([TERM], False, 143),
        ([KILL], False, -9),
    ],
)
def test_a_stopped_tool_leaves_no_process(
    tmp_path: Path, numbers: list[signal.Signals], to_all: bool, status: int
) -> None:
    with start_endless(tmp_path) as tool:
        wait_for_jobs(tool, tmp_path)
        for number in numbers:
            tool.send(number, to_all=to_all)
        assert tool.end() == status
        if status > 0:
            assert tool.output == "\nStopped. To continue, run it again.\n" or len(numbers) > 1


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(INT, 130), (TERM, 143)])
def test_a_signal_while_workers_start_ends_them_at_once(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "starting.py").write_text(STARTING)
    with Tool([tmp_path / "starting.py"], tmp_path) as tool:
        tool.wait_until(lambda: (tmp_path / "importing").exists())
        begin = time.monotonic()
        tool.send(number, to_all=False)
        assert tool.end() == status
        assert time.monotonic() - begin < 10
        assert tool.output == "\nStopped. To continue, run it again.\n"


@pytest.mark.slow
@pytest.mark.parametrize("pause_s", [0.0, 0.05, 0.3])
def test_a_second_ctrl_c_ends_a_tool_that_hangs(tmp_path: Path, pause_s: float) -> None:
    with start_endless(tmp_path, cleaning_s=1000.0) as tool:
        wait_for_jobs(tool, tmp_path)
        begin = time.monotonic()
        tool.send(INT, to_all=True)
        time.sleep(pause_s)
        tool.send(INT, to_all=True)
        assert tool.end() == 130
        assert time.monotonic() - begin < 100
        assert "Traceback" not in tool.output


@pytest.mark.slow
def test_a_tool_that_hangs_after_sigterm_ends_by_itself(tmp_path: Path) -> None:
    with start_endless(tmp_path, cleaning_s=1000.0) as tool:
        wait_for_jobs(tool, tmp_path)
        tool.send(TERM, to_all=False)
        assert tool.end() == 143


@pytest.mark.slow
def test_a_killed_worker_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    with start_endless(tmp_path) as tool:
        wait_for_jobs(tool, tmp_path)
        os.kill(tool.children()[-1], KILL)
        assert tool.end() == 2
        (line,) = tool.output.splitlines()
        assert line.startswith("error: A worker process was killed, most likely because memory")
        assert line.endswith("run the same command again, with fewer --workers.")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["synthetic", "nuscenes", "superpixels", "regions"])
def test_ctrl_c_twice_ends_every_command(
    command: str, fake_nuscenes: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words: list[str | Path]
    if command == "synthetic":
        words = ["--root", tmp_path / "data"]
    elif command == "nuscenes":
        words = ["--root", fake_nuscenes, "--version", "v1.0-mini", "--out-dir", tmp_path / "out"]
    else:
        prepared = request.getfixturevalue("prepared_synthetic")
        config = next((ROOT / "configs/slidr").glob("slidr_efflite0*_synthetic.py"))
        _, root, _, info_root = prepared.options_for(config)
        words = ["--info", Path(info_root) / "nuscenes_infos_train.pkl", "--data-root", root]
        words += ["--out-dir", tmp_path / "out"]
    with Tool([ROOT / "tools/create_data.py", command, *words], tmp_path) as tool:
        # The tracker of resources, the server of workers and a worker.
        tool.wait_until(lambda: len(tool.children()) >= 3)
        tool.send(INT, to_all=True)
        time.sleep(0.2)
        tool.send(INT, to_all=True)
        assert tool.end() == 130
        assert "Traceback" not in tool.output


def make_training(folder: Path, *settings: str) -> Tool:
    config = write_config(folder, workers=2)
    options: list[str | Path] = [
        "--work-dir",
        folder / "work",
        "--cfg-options",
        "train_cfg.max_epochs=1000000",
    ]
    # With the rate of the config, some seeds diverge before the test is done.
    options += ["optim_wrapper.optimizer.lr=1e-5", "default_hooks.checkpoint.interval=1000000"]
    options += settings
    return Tool([ROOT / "tools/train.py", config, *options], folder)


def wait_for_epochs(tool: Tool) -> None:
    tool.wait_until(lambda: re.search(r"Epoch\(train\) +\[2\]", tool.output))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "status"), [([INT, INT], 130), ([TERM], 143), ([KILL], -9)], ids=str
)
def test_a_stopped_training_leaves_no_worker(
    tmp_path: Path, numbers: list[signal.Signals], status: int
) -> None:
    with make_training(tmp_path) as tool:
        wait_for_epochs(tool)
        assert len(tool.children()) >= 2
        for number, pause_s in zip(numbers, repeat(0.3)):
            tool.send(number, to_all=number == INT)
            time.sleep(pause_s)
        assert tool.end() == status
        assert "Traceback" not in tool.output
        assert status != 143 or tool.output.rstrip().endswith("--resume")


@pytest.mark.slow
def test_a_killed_loader_worker_ends_the_training_with_advice(tmp_path: Path) -> None:
    # A toy training else spends most of its time on the start and stop of workers.
    with make_training(tmp_path, "train_dataloader.persistent_workers=True") as tool:
        wait_for_epochs(tool)
        os.kill(tool.children()[-1], KILL)
        assert tool.end() == 2, tool.output[-4000:]
        line = tool.output.splitlines()[-1]
        assert line.startswith("error: A worker process of a data loader")
        assert "num_workers" in line
        assert "Traceback" not in tool.output
