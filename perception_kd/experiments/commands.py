"""Runs a command with its output in a log, shows its progress, and stops it cleanly."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from perception_kd.experiments.display import printable
from perception_kd.experiments.progress import read_progress

# Time in s that a command has to end after each signal: less in all than the tool has.
_GRACE_S = {signal.SIGINT: 12.0, signal.SIGTERM: 1.5, signal.SIGKILL: 1.0}
_POLL_S = 0.5
_LAUNCHER = Path(__file__).with_name("launcher.py")
# Start of the line in a log that names the command whose output follows.
_MARK = b"\n$ "


def run_logged(
    command: Sequence[str],
    log: Path,
    show: Callable[[str, float], None],
    env: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> int:
    """Run a command until it ends, with its output in a log.

    The command has its own process group: Ctrl-C reaches only this process, which
    passes it on once, to the command and all its workers, and waits for them. If this
    process is killed, :mod:`~.launcher` ends them.

    Args:
        command: Program and arguments.
        log: File to which the output is appended.
        show: Called regularly with the latest progress of the command and the seconds
            it has been running.
        env: Environment of the command; None for that of this process.
        keep_open: File descriptors that the command inherits.

    Returns:
        Exit status, or 128 plus the number of the signal that ended the command.

    Raises:
        KeyboardInterrupt: After the command was stopped with Ctrl-C.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin, progress = time.monotonic(), ""
    with log.open("ab") as out, log.open("rb") as written:
        out.write(_MARK + shlex.join(command).replace("\n", "\\n").encode() + b"\n")
        out.flush()
        written.seek(0, os.SEEK_END)
        with _launch(command, out, env, keep_open) as process:
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return process.wait(_POLL_S)
                    progress = _last_progress(written) or progress
                    show(progress, time.monotonic() - begin)
            except BaseException:
                _stop(process)
                raise


@contextmanager
def _launch(
    command: Sequence[str], out: BinaryIO, env: Mapping[str, str] | None, keep_open: Sequence[int]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command that ends, at the latest, when the block or this process does."""
    reader, writer = os.pipe()
    kept = ",".join(map(str, keep_open))
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", str(_LAUNCHER), str(reader), kept, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            pass_fds=(reader, *keep_open),
        )
        os.close(reader)
        yield process
    finally:
        os.close(writer)


def tail(log: Path, num_lines: int = 15) -> str:
    """Return the last lines of the last command, without overwritten progress bars."""
    text = log.read_bytes().rpartition(_MARK)[2].decode("utf-8", errors="replace")
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")][1:]
    return printable("\n".join([line for line in lines if line.strip()][-num_lines:]))


def _last_progress(written: BinaryIO) -> str:
    lines = re.split(r"[\r\n]", written.read().decode("utf-8", errors="replace"))
    return next((found for found in map(read_progress, reversed(lines)) if found), "")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Signal a command and its workers to end, more and more firmly."""
    for number, grace_s in _GRACE_S.items():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        # A second Ctrl-C, if it does not end this process, skips to the next signal.
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(grace_s)
            return
