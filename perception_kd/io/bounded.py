"""Reading of whole files whose size is checked before."""

import errno
import os
import stat
from pathlib import Path

from perception_kd.io.errors import BrokenFileError

MAX_BYTES = 2**28  # no image, sweep or entry of a cache is as large as this
_BROKEN = (errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE)


def file_size(path: str | Path, what: str, remedy: str) -> int:
    """Return the size of a file in bytes.

    Args:
        path: The file.
        what: Kind of the file, for errors.
        remedy: What to do about a missing file, for the error.

    Raises:
        FileNotFoundError: If there is no such file.
        BrokenFileError: If it is a folder, a pipe or a device.
    """
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"No {what} at {path}; {remedy}") from None
    except (OSError, ValueError) as error:  # such as a loop of links, or a null byte
        raise _unreadable(path, what, error) from error
    if not stat.S_ISREG(state.st_mode):
        raise BrokenFileError(
            f"{path} must be a file with {what}, but is a folder or a device; copy the file again."
        )
    return state.st_size


def read_bounded(path: str | Path, what: str, remedy: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole file, unless it is larger than any such file can be.

    Args:
        path: The file.
        what: Kind of the file, for errors.
        remedy: What to do about a missing file, for the error.
        max_bytes: Largest plausible size.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        BrokenFileError: If it is larger, not a file, or the disk fails.
    """
    size = file_size(path, what, remedy)
    if size > max_bytes:
        raise BrokenFileError(
            f"{path} has {size:,} bytes, but a {what} has at most {max_bytes:,}; copy it again."
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _unreadable(path, what, error) from error


def read_head(path: str | Path, what: str, remedy: str, num_bytes: int) -> bytes:
    """Read the first bytes of a file, all of it where it is shorter.

    Args:
        path: The file.
        what: Kind of the file, for errors.
        remedy: What to do about a missing file, for the error.
        num_bytes: How many bytes to read.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        BrokenFileError: If it is not a file, or the disk fails.
    """
    file_size(path, what, remedy)
    try:
        with Path(path).open("rb") as file:
            return file.read(num_bytes)
    except OSError as error:
        raise _unreadable(path, what, error) from error


def _unreadable(path: str | Path, what: str, error: Exception) -> Exception:
    reason = getattr(error, "strerror", None) or str(error)
    message = f"{os.fspath(path)!r}, a {what}, cannot be read: {reason}; copy it again, or check "
    if isinstance(error, PermissionError):
        return PermissionError(message + "its permissions.")
    if isinstance(error, OSError) and error.errno not in _BROKEN:
        return error  # such as too many open files: no fault of this file
    return BrokenFileError(message + "its path.")
