"""Runs commands with their output in logs, reads their progress, stops them cleanly."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from perception_kd.experiments.display import printable
from perception_kd.experiments.progress import LogReader

# Time in s that a command has to end after each signal: less in all than the tool has.
_GRACE_S = {signal.SIGINT: 12.0, signal.SIGTERM: 1.5, signal.SIGKILL: 1.0}
_POLL_S = 0.5
_LAUNCHER = Path(__file__).with_name("launcher.py")
# Start of the line in a log that names the command whose output follows.
_MARK = b"\n$ "


class LoggedCommand:
    """A command that runs with its output in a log.

    It has its own process group: Ctrl-C reaches only this process, which passes it on
    once, to the command and all its workers. If this process is killed,
    :mod:`~.launcher` ends them. Use it as a context, or call :meth:`close` at its end.

    Args:
        command: Program and arguments.
        log: File to which the output is appended.
        env: Environment of the command; None for that of this process.
        keep_open: File descriptors that the command inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        self._begin = time.monotonic()
        self._log = LogReader(log)
        line = shlex.join(command).replace("\n", "\\n")
        with log.open("ab") as out:
            out.write(_MARK + line.encode() + b"\n")
            out.flush()
            self._log.skip()
            self._process, self._pipe = _launch(command, out, env, keep_open)

    def __enter__(self) -> "LoggedCommand":
        """Return the command."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the command if it still runs."""
        self.close()

    def poll(self, timeout: float = 0.0) -> int | None:
        """Return the exit status, or 128 plus the number of the signal that ended it.

        Args:
            timeout: Time in s to wait for the end.

        Returns:
            None if it still runs.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout)
        return None

    def progress(self) -> str:
        """Return the latest progress, in short; may be empty."""
        return self._log.progress()

    def seconds(self) -> float:
        """Return the time in s since its start."""
        return time.monotonic() - self._begin

    def send(self, number: int) -> None:
        """Send a signal to the command and its workers."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def close(self) -> None:
        """Release its files; a command that still runs is ended by its launcher."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            self._log.close()


def run_logged(
    command: Sequence[str],
    log: Path,
    show: Callable[[str, float], None],
    env: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> int:
    """Run a command until it ends, with its output in a log.

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
    with LoggedCommand(command, log, env, keep_open) as running:
        try:
            while (status := running.poll(_POLL_S)) is None:
                show(running.progress(), running.seconds())
        except BaseException:
            stop_commands([running])
            raise
        return status


def stop_commands(commands: Sequence[LoggedCommand]) -> None:
    """Signal commands and their workers to end, more and more firmly, all at once.

    Args:
        commands: Commands, some of which may have ended.
    """
    for number, grace_s in _GRACE_S.items():
        for command in commands:
            command.send(number)
        end = time.monotonic() + grace_s
        # A second Ctrl-C, if it does not end this process, skips to the next signal.
        with contextlib.suppress(KeyboardInterrupt):
            left = [c.poll(max(end - time.monotonic(), 0.0)) is None for c in commands]
            if not any(left):
                return


def _launch(
    command: Sequence[str], out: BinaryIO, env: Mapping[str, str] | None, keep_open: Sequence[int]
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a command that ends, at the latest, when this process does.

    Returns:
        The process, and the end of a pipe: once it is closed, the command is ended.
    """
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
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    return process, writer


def tail(log: Path, num_lines: int = 15) -> str:
    """Return the last lines of the last command, without overwritten progress bars."""
    text = log.read_bytes().rpartition(_MARK)[2].decode("utf-8", errors="replace")
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")][1:]
    return printable("\n".join([line for line in lines if line.strip()][-num_lines:]))
