"""Output goes to the log, progress to the user, Ctrl-C to the command."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perception_kd.experiments import commands, launcher
from perception_kd.experiments.commands import run_logged, tail
from perception_kd.experiments.progress import read_progress
from perception_kd.io.lock import lock_folder


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def ends(process: int, seconds: float = 20.0) -> bool:
    """Return whether a process ends in time; one that is ended may not be reaped."""
    path, end = Path(f"/proc/{process}/stat"), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = path.read_text().rpartition(") ")[2][0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def run(script: str, log: Path) -> tuple[int, list[str]]:
    shown: list[str] = []
    command = [sys.executable, "-u", "-c", script]
    status = run_logged(command, log, lambda text, seconds: shown.append(text))
    return status, shown


def test_output_and_status_are_recorded(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "stage.log"
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert run(script, log)[0] == 3
    assert run("print('again')", log)[0] == 0
    lines = log.read_text().splitlines()
    assert [line for line in lines if "-u -c" not in line] == ["", "out", "err", "", "again"]
    assert tail(log) == "again"


def test_progress_is_shown_while_a_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_POLL_S", 0.05)
    script = (
        "import time\nprint('scenes: 50%|##  | 1/2 [00:01<00:01, 1s/it]', end='\\r')\n"
        "time.sleep(0.5)"
    )
    _, shown = run(script, tmp_path / "log")
    assert shown[-1] == "1 of 2, 00:01 left"


def stop_when(log: Path, text: str) -> None:
    """Send SIGINT to this process once a command has written a text."""

    def wait() -> None:
        while not (log.exists() and text in tail(log)):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def interrupt(script: str, log: Path) -> None:
    stop_when(log, "ready")
    with pytest.raises(KeyboardInterrupt):
        run(script, log)


def test_ctrl_c_is_passed_on_once_and_waited_for(tmp_path: Path) -> None:
    script = (
        "import time\ntry:\n    print('ready')\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.3)\n    print('saved')"
    )
    log = tmp_path / "log"
    interrupt(script, log)
    assert tail(log) == "ready\nsaved"


def test_a_command_that_ignores_signals_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        commands, "_GRACE_S", {signal.SIGINT: 0.2, signal.SIGTERM: 0.2, signal.SIGKILL: 10.0}
    )
    script = (
        "import os, signal, time\nfor n in (signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(n, signal.SIG_IGN)\nprint('ready', os.getpid())\ntime.sleep(60)"
    )
    log = tmp_path / "log"
    interrupt(script, log)
    assert ends(int(tail(log).split()[1]))


START = """
import sys
from pathlib import Path
from perception_kd.experiments.commands import run_logged
from perception_kd.io.lock import lock_folder
folder = Path(sys.argv[1])
with lock_folder("--work-dir", folder, kept_by_children=True) as lock:
    command = [sys.executable, "-u", "-c", sys.argv[2]]
    run_logged(command, folder / "log", lambda *_: None, keep_open=(lock,))
"""
WORK = """
import os, time, multiprocessing
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
worker.start()
print("ready", os.getpid(), worker.pid)
try:
    time.sleep(60)
finally:
    time.sleep(0.5)
    print("saved")
"""


def test_a_killed_starter_ends_its_command_and_all_workers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    starter = subprocess.Popen([sys.executable, "-c", START, str(tmp_path), WORK])
    wait_until(lambda: log.exists() and "ready" in tail(log))
    processes = [int(word) for word in tail(log).split()[1:3]]
    starter.kill()
    starter.wait()
    # The command is still ending, and keeps the work dir locked.
    with (
        pytest.raises(BlockingIOError, match="is in use by process"),
        lock_folder("--work-dir", tmp_path, kept_by_children=True),
    ):
        pass
    assert all(ends(process) for process in processes)
    assert "saved" in tail(log)

    def can_lock() -> bool:
        try:
            with lock_folder("--work-dir", tmp_path, kept_by_children=True):
                return True
        except BlockingIOError:
            return False

    wait_until(can_lock)


def test_workers_of_a_killed_command_are_ended(tmp_path: Path) -> None:
    script = WORK.replace("try:", "os.kill(os.getpid(), 9)\ntry:")
    log = tmp_path / "log"
    assert run(script, log)[0] == 128 + 9
    assert all(ends(int(word)) for word in tail(log).split()[1:3])


def test_the_tail_of_a_log_omits_overwritten_progress(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(
        "\n$ command\nfirst\n10%|#\r20%|##\r100%|####\n\nerror: the \x1b[31mreason\n"
    )
    assert tail(tmp_path / "log", 2) == "100%|####\nerror: the ?[31mreason"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tables: 100%|####| 3.57M/3.57M [00:00<00:00, 98.7MB/s]", "3.57M of 3.57M, 00:00 left"),
        (" 10%|#  | 1/10 [00:20<03:07, 20.82s/scene]", "1 of 10, 03:07 left"),
        ("INFO - Epoch(val) [6][10/24]    eta: 0:00:03  time: 0.2", "evaluating, step 10 of 24"),
        ("INFO - Epoch(test) [10/24]    eta: 0:00:03", "evaluating, step 10 of 24, 0:00:03 left"),
        ("Epoch(train)  [8][10/12]  eta: 0:00:12  loss: 0.63", "epoch 8, step 10 of 12, loss 0.63"),
        ("Saving checkpoint at 6 epochs", ""),
    ],
)
def test_progress_is_parsed_from_a_line(line: str, expected: str) -> None:
    assert read_progress(line).startswith(expected)
    assert bool(read_progress(line)) == bool(expected)


SLEEP = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(1000)
"""


def test_a_killed_launcher_ends_its_command(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    reader, writer = os.pipe()
    words = [sys.executable, launcher.__file__, str(reader), "", sys.executable, "-c", SLEEP]
    process = subprocess.Popen([*words, str(path)], pass_fds=(reader,), start_new_session=True)
    try:
        wait_until(lambda: path.exists() and path.read_text() != "")
        process.kill()
        process.wait()
        assert ends(int(path.read_text()))
    finally:
        os.close(reader)
        os.close(writer)
