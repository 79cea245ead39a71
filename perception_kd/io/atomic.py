"""Files that appear whole or not at all, and folders that can be written to."""

import contextlib
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_DAY_S = 24 * 3600
# .NAME.HOST-PID.tmp.
_TEMPORARY = re.compile(r"(\..+\.[\w.-]+)-(\d+)\.tmp")


def temporary_path(path: Path) -> Path:
    """Return the hidden file beside another, for its content until it is whole."""
    return path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.tmp")


@contextmanager
def open_whole(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name when the block ends without an error.

    Until then the bytes are in a hidden file beside it. After an error that file is
    removed, and an earlier file of the same name is unchanged.

    Args:
        path: File to write, in a folder that exists.

    Yields:
        The binary stream.

    Raises:
        OSError: If it cannot be written; names the file.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # after a power failure, the name must not be of a torn file
        temporary.replace(path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def rename_on_disk(temporary: Path, path: Path) -> None:
    """Give a file its name after its content is on the disk, and the name as well.

    Args:
        temporary: The file, written and closed.
        path: Its name, in the same folder.
    """
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: File to write, in a folder that exists.
        data: Its content.
    """
    with open_whole(path) as file:
        file.write(data)


def write_json(path: str | Path, content: Any) -> None:
    """Write an indented JSON file whole or not at all.

    Args:
        path: File to write, in a folder that exists.
        content: JSON types.
    """
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def remove_leftovers(folder: Path, *, all_writers: bool = False) -> None:
    """Remove the temporary files of :func:`open_whole` whose writer no longer runs.

    A writer on another host cannot be checked; its file is removed after a day.

    Args:
        folder: Folder of the files.
        all_writers: Remove the files of all writers, where none is left to finish one.
    """
    for path in folder.glob(".*.tmp"):
        name = _TEMPORARY.fullmatch(path.name)
        if name is None:
            continue
        host, pid = name.groups()
        is_here = host.endswith(f".{socket.gethostname()}")
        with contextlib.suppress(FileNotFoundError):
            age_s = time.time() - path.stat().st_mtime
            if all_writers or age_s > _DAY_S or (is_here and not _is_running(pid)):
                path.unlink()


def make_writable_folder(option: str, folder: str | Path) -> Path:
    """Make a folder and check that files can be written to it.

    Args:
        option: Command-line option that names the folder, for the error.
        folder: The folder.

    Returns:
        Its absolute path.

    Raises:
        PermissionError: If it cannot be made or written to.
    """
    folder = Path(folder).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permission bits do not show a read-only or full file system.
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(4096))
    except OSError as error:
        raise PermissionError(
            f"Cannot write to {option} {folder}: {error.strerror}. Choose another folder."
        ) from error
    return folder


@contextmanager
def open_folder(option: str, folder: str | Path) -> Iterator[Path]:
    """Make a folder for files of which all or none shall remain.

    After an error in the block, the files that it has written are removed, and so are
    the folder and those above it that did not exist.

    Args:
        option: Command-line option that names the folder, for the error.
        folder: The folder. Nothing else writes to it.

    Yields:
        Its absolute path.

    Raises:
        PermissionError: If it cannot be made or written to.
    """
    folder = Path(folder).absolute()
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    earlier = set() if folder in made else set(folder.iterdir())
    try:
        yield make_writable_folder(option, folder)
    except BaseException:
        with contextlib.suppress(OSError):
            for path in set(folder.iterdir()) - earlier:
                path.unlink()
            for each in made:
                each.rmdir()
        raise


def check_writable_file(option: str, path: str | Path) -> Path:
    """Check that a file can be written, and make its folder, before the work for it.

    Args:
        option: Command-line option that names the file, for the error.
        path: The file, which may exist.

    Returns:
        Its absolute path.

    Raises:
        PermissionError: If there is a folder in its place, or its folder cannot be made
            or written to.
    """
    path = Path(path).absolute()
    if path.is_dir():
        raise PermissionError(f"{option} {path} is a folder; give the name of a file in it.")
    make_writable_folder(f"the folder of {option}", path.parent)
    return path


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
