"""Faults of the world: signals, killed processes, files that cannot be written."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Much more than anything takes, since the machine may be busy.
PATIENCE_S = 240.0


class Tool:
    """A program in a session of its own, with all the processes that it starts.

    Args:
        words: Arguments of Python.
        folder: Folder to run in; the output is written there.
    """

    def __init__(self, words: Sequence[str | Path], folder: Path) -> None:
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *map(str, words)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> "Tool":
        return self

    def __exit__(self, *exception: object) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    @property
    def output(self) -> str:
        """Output on both of its streams."""
        return self._output.read_text(errors="replace")

    def processes(self) -> dict[int, str]:
        """Return the commands of all running processes of its session, by id."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
                if int(session) == self.pid and state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def children(self) -> list[int]:
        """Return the ids of its processes other than the first, oldest first."""
        return sorted(self.processes().keys() - {self.pid})

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Wait for a condition while the program runs."""
        end = time.monotonic() + PATIENCE_S
        while not happened():
            assert self._process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.02)

    def send(self, number: signal.Signals, *, to_all: bool) -> None:
        """Send a signal, to all processes as a terminal does or to the first alone."""
        (os.killpg if to_all else os.kill)(self.pid, number)

    def end(self) -> int:
        """Wait for the program and all that it has started; return its exit status."""
        status = self._process.wait(PATIENCE_S)
        end = time.monotonic() + PATIENCE_S / 4
        while left := self.processes():
            assert time.monotonic() < end, left
            time.sleep(0.05)
        return status


class SmallDisk:
    """A file system in memory of a given size; needs the rights to mount one.

    Args:
        folder: Empty folder, where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._mounted = False

    def resize(self, size: str) -> None:
        """Mount it, or change its size or mode: "64k", "10m,ro"."""
        what = "remount," if self._mounted else ""
        options = f"{what}size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("no right to mount a file system")
        self._mounted = True

    def fill(self) -> Path:
        """Fill what is free, and return the file that does it."""
        path = self.folder / "filling"
        with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        return path

    def close(self) -> None:
        """Unmount it, although a log may still be open."""
        if self._mounted:
            subprocess.run(["umount", "--lazy", self.folder], check=False)
