"""Runs a command that ends with the process that started it, however that one ends.

``python launcher.py PIPE KEPT COMMAND...``: PIPE is the file descriptor of a pipe that
only the starting process can write to, so its end is the end of that process; KEPT are
file descriptors, joined by commas, that the command inherits. The launcher must be the
leader of a process group: all processes of the group are ended.

It imports nothing of this package, so that it starts in no time.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1  # of Linux
# Time in s that the command has to end after each signal once its starter has died.
_GRACE_S = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0))


def main(argv: list[str]) -> int:
    """Run a command.

    Returns:
        Its exit status, or 128 plus the number of the signal that ended it.
    """
    pipe, kept, *command = argv
    # They are sent to the whole group; the command decides what to do.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    descriptors = [int(text) for text in kept.split(",") if text]
    process = subprocess.Popen(command, pass_fds=descriptors, preexec_fn=_end_with_launcher)
    while process.poll() is None:
        if select.select([int(pipe)], [], [], _POLL_S)[0]:
            _end_group(process)
    # Workers that a killed command has left.
    os.killpg(0, signal.SIGTERM)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _end_with_launcher() -> None:
    """Have the system kill this process if a cluster kills the launcher."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End all processes of the group, if need be together with this one."""
    for number, grace_s in _GRACE_S:
        os.killpg(0, number)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue
        return
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
