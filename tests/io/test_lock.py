"""One process writes to a folder; what ended processes left behind locks nothing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.io.lock import LOCK, lock_folder

HOLD = """
import sys, time
from perception_kd.io.lock import lock_folder
with lock_folder("--out-dir", sys.argv[1]):
    print("locked", flush=True)
    time.sleep(1000)
"""


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        message = f"--out-dir {tmp_path} is in use by process {holder.pid} on .*another folder"
        with pytest.raises(BlockingIOError, match=message), lock_folder("--out-dir", tmp_path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK).exists()
    with lock_folder("--out-dir", tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_block_unlocks(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock_folder("--root", tmp_path):
        raise KeyError
    with lock_folder("--root", tmp_path):
        assert (tmp_path / LOCK).exists()
