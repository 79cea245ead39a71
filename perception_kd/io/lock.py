"""One writer per folder."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LOCK = ".lock"
# Errors of file systems that cannot lock.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def lock_folder(option: str, folder: str | Path) -> Iterator[None]:
    """Keep other processes from writing to a folder while the block runs.

    The lock is one of the system (``flock``) and ends with its process, however that
    ends: a file ``.lock`` that is left behind locks nothing. On a file system without
    such locks, nothing is locked.

    Args:
        option: Command-line option that names the folder, for the error.
        folder: Folder that exists.

    Raises:
        BlockingIOError: If another process has locked the folder.
        PermissionError: If the file of the lock is a link or not a file.
    """
    path = Path(folder) / LOCK
    with contextlib.ExitStack() as stack:
        file = open_lock_file(path)
        stack.callback(lambda: file.close())
        try:
            while not _lock(file, path):
                file.close()
                file = open_lock_file(path)
        except BlockingIOError:
            raise BlockingIOError(
                f"{option} {folder} is in use by {file.read().strip() or 'another process'}. "
                "Wait for it to end, or choose another folder."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        stack.callback(path.unlink, missing_ok=True)
        yield


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


def _lock(file: TextIO, path: Path) -> bool:
    """Lock a file; return whether it is still the one at the path.

    Raises:
        BlockingIOError: If another process has locked it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
