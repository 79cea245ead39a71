"""Runs a command into a log, tells how far it is, and stops it cleanly."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from perception_kd.experiments.progress import read_progress

# What a command gets to end by itself after each signal.
_GRACE_S = {signal.SIGINT: 30.0, signal.SIGTERM: 10.0, signal.SIGKILL: 10.0}
_POLL_S = 0.5
# Begins the line of a log that names the command whose output follows.
_MARK = b"\n$ "


def run_command(
    command: Sequence[str],
    log: Path,
    show: Callable[[str, float], None],
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a command until it ends.

    It has a process group of its own: Ctrl-C reaches this process alone, which hands it
    on once, to the command and all its workers, and waits for them.

    Args:
        command: Program and arguments.
        log: File that its output is added to.
        show: Called now and then with the last progress that it told and the seconds
            that it has run.
        env: Environment; None is that of this process.

    Returns:
        Its exit status; negative for the signal that ended it.

    Raises:
        KeyboardInterrupt: After it was stopped by hand.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin, told = time.monotonic(), ""
    with log.open("ab") as out, log.open("rb") as written:
        out.write(_MARK + shlex.join(command).replace("\n", "\\n").encode() + b"\n")
        out.flush()
        written.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(_POLL_S)
                told = _last_progress(written) or told
                show(told, time.monotonic() - begin)
        except BaseException:
            _stop(process)
            raise


def tail(log: Path, num_lines: int = 15) -> str:
    """Return the end of what the last command wrote, without overwritten progress."""
    text = log.read_bytes().rpartition(_MARK)[2].decode("utf-8", errors="replace")
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")][1:]
    return "\n".join([line for line in lines if line.strip()][-num_lines:])


def _last_progress(written: BinaryIO) -> str:
    lines = re.split(r"[\r\n]", written.read().decode("utf-8", errors="replace"))
    return next((told for told in map(read_progress, reversed(lines)) if told), "")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a command and its workers to end, ever more firmly."""
    for number, grace_s in _GRACE_S.items():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        # A second Ctrl-C goes on to the next signal.
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(grace_s)
            return
