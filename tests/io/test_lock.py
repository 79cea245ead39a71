"""One process writes to a folder; what ended processes left behind locks nothing."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perception_kd.io.lock import LOCK, lock_folder

HOLD = """
import sys, time
from perception_kd.io.lock import lock_folder
with lock_folder("--out-dir", sys.argv[1], kept_by_children=sys.argv[2] == "True"):
    print("locked", flush=True)
    time.sleep(1000)
"""
PREFIX = "--out-dir {} is in use by process {} on "


def lock(folder: Path, kept: bool = False) -> None:
    with lock_folder("--out-dir", folder, kept_by_children=kept):
        assert str(os.getpid()) in (folder / LOCK).read_text()


@pytest.mark.parametrize("kept", [False, True])
def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path, kept: bool) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path), str(kept)]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError, match=PREFIX.format(tmp_path, holder.pid)) as caught:
            lock(tmp_path, kept)
        assert str(caught.value).endswith("Wait for it to end, or choose another folder.")
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK).exists()
    lock(tmp_path, kept)
    left = (tmp_path / LOCK).read_text() if (tmp_path / LOCK).exists() else None
    assert left == ("" if kept else None)


@pytest.mark.parametrize("kept", [False, True])
def test_a_process_does_not_lock_a_folder_twice(tmp_path: Path, kept: bool) -> None:
    with lock_folder("--out-dir", tmp_path, kept_by_children=kept):
        for _ in range(2):
            with pytest.raises(BlockingIOError, match=PREFIX.format(tmp_path, os.getpid())):
                lock(tmp_path, kept)
    lock(tmp_path, kept)


def test_an_error_in_the_block_unlocks(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock_folder("--root", tmp_path):
        raise KeyError
    lock(tmp_path)


def owner(**changes: Any) -> str:
    known = {"host": socket.gethostname(), "pid": 1, "start": "0", "since": "noon", "job": None}
    return json.dumps({**known, **changes})


def test_a_lock_of_another_host_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(owner(host="node7", job="12"))
    message = rf"on node7 .*another folder, or, if it no longer runs, remove {tmp_path / LOCK}"
    with pytest.raises(BlockingIOError, match=message):
        lock(tmp_path)


def test_a_requeued_job_takes_its_lock_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).write_text(owner(host="node7", job="12"))
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    lock(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", owner(), owner(pid=2**22 + 1)])
def test_a_lock_without_its_process_is_taken_over(tmp_path: Path, content: str) -> None:
    # Process 1 runs, but did not start at 0: its number was another process's then.
    (tmp_path / LOCK).write_text(content)
    lock(tmp_path)


@pytest.mark.parametrize("call", [fcntl.flock, fcntl.lockf])
def test_without_locks_of_the_system_the_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., None]
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, call.__name__, refuse)
    start = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19]
    (tmp_path / LOCK).write_text(owner(pid=os.getppid(), start=start))
    with pytest.raises(BlockingIOError, match=PREFIX.format(tmp_path, os.getppid())):
        lock(tmp_path, call is fcntl.flock)
    (tmp_path / LOCK).write_text("")
    lock(tmp_path, call is fcntl.flock)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_lock_that_is_no_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    folder, precious = tmp_path / "work", tmp_path / "precious"
    precious.write_text("kept")
    folder.mkdir()
    path = folder / LOCK
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(PermissionError, match=r"\.lock is not a regular file; remove it"):
        lock(folder)
    assert precious.read_text() == "kept"
