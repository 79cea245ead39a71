"""Jobs on worker processes: each runs once, in any order or in theirs, and all stop."""

import os
import platform
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.workers import run_jobs
from tests.faults import ROOT, Tool


def test_without_workers_jobs_run_here_in_order() -> None:
    results = list(run_jobs(lambda job: (os.getpid(), -job), [3, 0, 2], workers=0))
    assert results == [(job, (os.getpid(), -job)) for job in (3, 0, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 30])
def test_workers_run_each_job_once(number: int) -> None:
    results = list(run_jobs(abs, range(-number, 0), workers=2))
    assert sorted(results) == [(-i, i) for i in range(number, 0, -1)]


@pytest.mark.slow
def test_results_come_in_the_order_of_completion_or_of_jobs() -> None:
    jobs = [1.0, 0.0]
    assert [job for job, _ in run_jobs(time.sleep, jobs, workers=2)] == [0.0, 1.0]
    assert [job for job, _ in run_jobs(time.sleep, jobs, workers=2, in_order=True)] == jobs


@pytest.mark.slow
def test_an_error_terminates_the_other_workers() -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match="non-negative"):
        list(run_jobs(time.sleep, [300.0, -1.0], workers=2))
    assert time.monotonic() - begin < 200


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("perception_kd.benchmarks.superpixels", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.datasets.nuscenes.converter", ("torch", "mmengine")),
        ("perception_kd.doctor.files", ("torch", "mmengine", "mmdet3d")),
        ("perception_kd.regions.create", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.superpixels.create", ("torch", "mmengine", "matplotlib")),
        ("perception_kd.synthetic.create", ("torch", "mmengine", "matplotlib")),
    ],
)
def test_workers_import_only_what_they_use(module: str, unused: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*set({unused}) & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


ORPHAN = """
import multiprocessing, os, signal, sys, time
from perception_kd.io.workers import _end_with_parent

def work(path):
    import pathlib, threading
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pathlib.Path(path).write_text(str(os.getpid()))
    time.sleep(1000)

multiprocessing.get_context("fork").Process(target=work, args=(sys.argv[1],)).start()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


BUSY = """
import multiprocessing
import cv2, numpy
from perception_kd.io.workers import start_worker

cv2.setNumThreads(4)
for _ in range(10):
    cv2.GaussianBlur(numpy.zeros((2000, 2000, 3), numpy.uint8), (31, 31), 0)
worker = multiprocessing.get_context("fork").Process(target=start_worker)
worker.start()
worker.join(60)
worker.kill()
print(worker.exitcode)
"""


def test_a_worker_starts_although_opencv_has_threads() -> None:
    command = [sys.executable, "-c", BUSY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "orphan.py").write_text(ORPHAN)
    with Tool([tmp_path / "orphan.py", tmp_path / "pid"], tmp_path) as tool:
        assert tool.end() == -9


SLOW_IMPORT = """
import pathlib, time
pathlib.Path("importing").touch()
time.sleep(2)
"""
IMPORTS = """
import argparse, sys
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.io.workers import run_jobs

def command(args):
    list(run_jobs(abs, [1], workers=1, preload="slow_import"))

if __name__ == "__main__":
    sys.exit(run_tool(command, argparse.Namespace, "To continue, run it again."))
"""


def test_ctrl_c_does_not_reach_the_imports_of_workers(tmp_path: Path) -> None:
    (tmp_path / "slow_import.py").write_text(SLOW_IMPORT)
    (tmp_path / "imports.py").write_text(IMPORTS)
    with Tool([tmp_path / "imports.py"], tmp_path) as tool:
        tool.wait_until((tmp_path / "importing").exists)
        tool.send(signal.SIGINT, to_all=True)
        assert tool.end() == 130
        assert tool.output == "\nStopped. To continue, run it again.\n"


def test_a_stop_while_the_server_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = list[bool]()

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("perception_kd.io.workers._start_server", stop)
    monkeypatch.setattr("perception_kd.io.workers._kill_server", lambda: killed.append(True))
    with pytest.raises(KeyboardInterrupt):
        next(run_jobs(abs, [1], workers=1))
    assert killed == [True]


def test_a_long_path_of_temporary_files_is_named(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 120)
    folder.mkdir()
    script = "from perception_kd.io.workers import run_jobs; list(run_jobs(abs, [1], workers=1))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"OSError: Workers cannot be started from {folder}" in done.stderr
    assert "set TMPDIR" in done.stderr


def count_page_faults(rounds: int) -> int:
    """Return the first writes of new pages after the arrays of one round were freed."""

    def fill() -> None:
        arrays = [np.empty(3_000_000, np.uint8) for _ in range(8)]
        for array in arrays:
            array.fill(1)

    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        fill()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_workers_reuse_the_memory_of_freed_arrays() -> None:
    ((_, faults),) = run_jobs(count_page_faults, [5], workers=1)
    # Otherwise each round would have 24 MB of new pages of 4 kB: 5,900.
    assert faults < 3000
