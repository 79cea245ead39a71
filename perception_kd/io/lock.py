"""One writer per folder."""

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from perception_kd.io.lock_owner import (
    describe_self,
    is_on_other_host,
    is_own_job,
    is_running,
    name_owner,
)

LOCK = ".lock"
# Errors of file systems that cannot lock.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Locks that this process holds, by device and inode: the system does not refuse a
# process its own ones, and would end them all once the file is opened again.
_held: set[tuple[int, int]] = set()


@contextmanager
def lock_folder(
    option: str, folder: str | Path, *, kept_by_children: bool = False
) -> Iterator[int]:
    """Keep other writers out of a folder while the block runs.

    The file ``.lock`` in it has host, process and start time. The lock itself is the
    system's, which ends with its process, however that ends: a file that is left behind
    locks nothing. What the system cannot show, such as a process on another host, the
    file does. A job that Slurm starts again takes over its own lock.

    Args:
        option: Command-line option that names the folder, for the error.
        folder: Folder that exists.
        kept_by_children: Whether processes that inherit the file descriptor keep the
            folder locked until they end, also when this one is killed.

    Yields:
        The file descriptor.

    Raises:
        BlockingIOError: If another process writes to the folder, or may do so on
            another host.
        PermissionError: If the file of the lock is a link or not a file.
    """
    folder = Path(folder)
    path = folder / LOCK
    lock = fcntl.flock if kept_by_children else fcntl.lockf
    with _open_locked(option, path, lock) as file:
        key = _key(os.fstat(file.fileno()))
        _take_over(option, folder, _read(file))
        file.seek(0)
        file.truncate()
        json.dump(describe_self(), file)
        file.flush()
        _held.add(key)
        try:
            yield file.fileno()
        finally:
            _held.discard(key)
            with contextlib.suppress(OSError):
                # A child may still hold the lock of this very file.
                os.ftruncate(file.fileno(), 0) if kept_by_children else path.unlink()


def open_lock_file(path: Path) -> TextIO:
    """Open the file of a lock for reading and writing, whether it exists or not.

    Raises:
        PermissionError: If it is a symbolic link or no regular file: a folder from
            elsewhere could lead the writer to another file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        descriptor = -1
    if descriptor < 0 or not stat.S_ISREG(os.fstat(descriptor).st_mode):
        if descriptor >= 0:
            os.close(descriptor)
        raise PermissionError(f"The lock {path} is not a regular file; remove it.")
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def _open_locked(option: str, path: Path, lock: Any) -> TextIO:
    """Open and lock the file, which its last owner may remove at the same time."""
    while True:
        if _is_held(path):
            raise _in_use(option, path.parent, describe_self())
        file = open_lock_file(path)
        try:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return file  # the file's content has to do
            refusal = _in_use(option, path.parent, _read(file))
            file.close()
            raise refusal from error
        with contextlib.suppress(FileNotFoundError):
            if _key(os.fstat(file.fileno())) == _key(path.stat()):
                return file
        file.close()


def _take_over(option: str, folder: Path, owner: dict[str, Any]) -> None:
    """Take over the lock of a process that has ended, or refuse to."""
    if not owner or is_own_job(owner):
        return
    if is_on_other_host(owner):
        remedy = f", or, if it no longer runs, remove {folder / LOCK}"
        raise _in_use(option, folder, owner, remedy)
    if is_running(owner):
        raise _in_use(option, folder, owner)
    from mmengine.logging import print_log  # half a second, rarely needed

    print_log(
        f"{folder} was in use by {name_owner(owner)}, which no longer runs; its lock is taken "
        "over.",
        logger="current",
    )


def _read(file: TextIO) -> dict[str, Any]:
    """Read who holds the lock; empty where the file is empty or damaged."""
    file.seek(0)
    try:
        owner = json.load(file)
    except (ValueError, RecursionError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _in_use(option: str, folder: Path, owner: dict[str, Any], remedy: str = "") -> BlockingIOError:
    return BlockingIOError(
        f"{option} {folder} is in use by {name_owner(owner)} or one that it started. Wait for it "
        f"to end, or choose another folder{remedy}."
    )


def _is_held(path: Path) -> bool:
    """Return whether this process holds a lock."""
    try:
        return _key(path.stat()) in _held
    except OSError:
        return False


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
