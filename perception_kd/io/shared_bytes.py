"""Arrays of bytes that all processes of a machine share through one file.

Workers that are forked share the memory of their parent, but the processes of one
training (ranks), and workers that are started in another way, each hold their own. A
memory map of one file is in memory once, and the system may drop it where memory is
short.
"""

import ctypes
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_kd.io.atomic import write_whole

# Smaller arrays are not worth a file.
MIN_SHARED_BYTES = 2**20
_MAX_AGE_S = 7 * 24 * 3600
Bytes = NDArray[np.uint8]


def share_bytes(data: Bytes, folder: str | Path | None = None) -> Bytes:
    """Return the same bytes as a memory map that equal arrays of other processes share.

    The file is named after its content. Files that no process has asked for in a week
    are removed; who still reads one keeps it.

    Args:
        data: Bytes, shape (N,).
        folder: Folder of the files; None means one of this user in the system's folder
            of temporary files.

    Returns:
        Read-only map, shape (N,); ``data`` itself if it is small.

    Raises:
        OSError: If the file cannot be written.
    """
    if len(data) < MIN_SHARED_BYTES:
        return data
    folder = Path(folder or Path(tempfile.gettempdir()) / f"perception_kd-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set TMPDIR to another folder.")
    path = folder / f"{hashlib.sha256(data.data).hexdigest()}.bin"
    if not _holds(path, data):
        write_whole(path, data.tobytes())
    os.utime(path)
    _remove_old(folder)
    return np.memmap(path, dtype=np.uint8, mode="r")


def return_freed_memory() -> None:
    """Give the memory of freed objects back to the system, where malloc is glibc's."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _holds(path: Path, data: Bytes) -> bool:
    """Return whether a file has these bytes, and not those of a damaged disk."""
    if not path.is_file() or path.stat().st_size != len(data):
        return False
    return np.array_equal(np.memmap(path, dtype=np.uint8, mode="r"), data)


def _remove_old(folder: Path) -> None:
    for path in folder.glob("*.bin"):
        try:
            if time.time() - path.stat().st_mtime > _MAX_AGE_S:
                path.unlink()
        except FileNotFoundError:  # another process was first
            continue
