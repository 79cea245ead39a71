"""One training at a time in a work dir."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from mmengine.logging import print_log

from perception_kd.io.lock import open_lock_file

LOCK = "training.lock"
_JOB = "SLURM_JOB_ID"


@contextmanager
def lock_work_dir(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder while the block runs.

    The file ``training.lock`` has host, process and start time. The lock itself is the
    system's, which ends with its process; what it cannot show, such as a process on
    another host, the file does. A job that Slurm starts again takes over its own lock.

    Args:
        folder: The work dir, which exists.

    Raises:
        PermissionError: If the file of the lock is a link or not a file.
        ValueError: If another training uses the folder, or may do so on another host.
    """
    path = folder / LOCK
    with _open_locked(path) as file:
        _take_over(folder, _read(file))
        file.seek(0)
        file.truncate()
        json.dump(_describe_self(), file)
        file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _open_locked(path: Path) -> TextIO:
    """Open and lock the file, which its last owner may remove at the same time."""
    while True:
        file = open_lock_file(path)
        # Not flock: its lock would be kept by workers that outlive a killed training.
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            message = _in_use(path.parent, _read(file), "wait for it to end")
            file.close()
            raise ValueError(message) from error
        except OSError:
            return file  # a file system without locks: the file's content has to do
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                return file
        file.close()


def _take_over(folder: Path, owner: dict[str, Any]) -> None:
    """Take over the lock of a process that has ended, or refuse to.

    Raises:
        ValueError: If the process may still run.
    """
    if not owner or _is_own_job(owner):
        return
    if owner.get("host") != socket.gethostname():
        remedy = f"wait for it to end or, if it no longer runs, remove {folder / LOCK}"
        raise ValueError(_in_use(folder, owner, remedy))
    start = _start_time(owner.get("pid"))
    if start is not None and start == owner.get("start") and owner["pid"] != os.getpid():
        raise ValueError(_in_use(folder, owner, "wait for it to end"))
    print_log(
        f"{folder} was in use by {_name(owner)}, which no longer runs; its lock is taken over.",
        logger="current",
    )


def _is_own_job(owner: dict[str, Any]) -> bool:
    job = os.environ.get(_JOB)
    return job is not None and owner.get("job") == job


def _describe_self() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "start": _start_time(os.getpid()),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "job": os.environ.get(_JOB),
    }


def _start_time(pid: object) -> str | None:
    """Return when a process of this host started; None if it does not run.

    A number of a process may be given again, its number and start time together not.
    """
    try:
        stat = Path(f"/proc/{int(str(pid))}/stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return stat.rpartition(")")[2].split()[19]


def _read(file: TextIO) -> dict[str, Any]:
    """Read who holds the lock; empty where the file is empty or damaged."""
    file.seek(0)
    try:
        owner = json.load(file)
    except (ValueError, RecursionError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _name(owner: dict[str, Any]) -> str:
    return (
        f"process {owner.get('pid', '?')} on {owner.get('host', '?')} "
        f"(since {owner.get('since', '?')})"
    )


def _in_use(folder: Path, owner: dict[str, Any], remedy: str) -> str:
    return (
        f"{folder} is in use by another training, {_name(owner)}; {remedy}, or choose another "
        "--work-dir."
    )
