"""Errors that a user can correct, in one line."""

import errno
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

from perception_kd.utils.project_files import find_project_files

_PACKAGE = Path(__file__).parents[2]
_OWN_CODE = (_PACKAGE, find_project_files() / "tools")
_FULL = "Free space, or choose a folder on another disk."
_READ_ONLY = "Choose a folder that you may write to."
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EFBIG: "Raise the limit of file sizes (ulimit -f).",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or use fewer workers.",
    errno.ENFILE: "Close other programs, or use fewer workers.",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.EIO: "Its disk or network drive fails; check it, or use a copy elsewhere.",
    errno.ENOMEM: "Memory is full; use fewer workers or smaller batches.",
}
# Messages of torch, which forgets the error of the file that it writes.
_SAVE_FAILED = re.compile(r"PytorchStreamWriter|inline_container")
_WORKER_KILLED = re.compile(r"DataLoader worker \(pid(?:\(s\))? [\d, ]+\) ([^.]*)")


def explain_error(error: BaseException, folder: str | None = None) -> str | None:
    """Describe a user error in one line; return None for a bug.

    User errors are whatever the system refuses (missing files, full disks, killed
    workers), and what this package and its tools refuse, here or in a worker process.
    Anything else needs its traceback, also what a library says about a call from here.

    Args:
        error: The error, as it was caught.
        folder: Folder that is written to, for errors that do not name a file.
    """
    # torch raises it wherever the main process is, which may make another error of it.
    if killed := next(filter(None, map(_WORKER_KILLED.search, map(str, _chain(error)))), None):
        return _advise_on_killed(killed[1])
    if isinstance(error, OSError):
        return _explain_system(error, folder)
    if isinstance(error, MemoryError):
        return f"{_first_line(error) or 'There is no memory left'}. {_REMEDIES[errno.ENOMEM]}"
    if isinstance(error, RuntimeError):
        return _explain_torch(error, folder)
    frames = traceback.extract_tb(error.__traceback__)
    origin = (frames[-1].filename, frames[-1].line or "") if frames else ("", "")
    if not isinstance(error, (ValueError, ImportError)):
        return None
    text = str(error)
    if "DataLoader worker process" in text:
        origin, text = _last_frame(text), _of_worker(text)
    elif isinstance(remote := getattr(error.__cause__, "tb", None), str):  # of a worker process
        origin = _last_frame(remote)
    return text.strip() if _is_refusal(*origin) else None


def find_remedy(code: int | None) -> str:
    """Return what to do about an error of the system, by its number; may be empty."""
    return _REMEDIES.get(code, "") if code is not None else ""


def _explain_system(error: OSError, folder: str | None) -> str:
    text = str(error)
    if "DataLoader worker process" in text:
        text = _of_worker(text).strip()
    number = re.match(r"\[Errno (\d+)\]", text)
    if number is None:
        # NumPy's own errors of writing name neither file nor reason.
        return f"{folder}: {text}" if folder and "requested and" in text else text
    code = int(number[1])
    if error.filename is None and "'" not in text and folder is not None:
        text += f": somewhere in {folder}"
    remedy = find_remedy(code)
    return f"{text}. {remedy}" if remedy else text


def _explain_torch(error: RuntimeError, folder: str | None) -> str | None:
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in text:
        return f"{_first_line(error)}. {_REMEDIES[errno.ENOMEM]}"
    if _SAVE_FAILED.search(text):
        causes = [each for each in _chain(error) if isinstance(each, OSError)]
        if causes:
            return _explain_system(causes[-1], folder)
        if "Writer" in text:
            where = folder or "its folder"
            return f"A checkpoint could not be written to {where}. Check that its disk has space."
    return None


def _advise_on_killed(how: str) -> str:
    return (
        f"A worker process of a data loader {how}: most likely, memory or shared memory "
        "(/dev/shm) is full. Use fewer workers (--cfg-options train_dataloader.num_workers=1) "
        "or smaller batches."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_refusal(path: str, line: str) -> bool:
    """Return whether a line of our code raises an error itself, not a library."""
    ours = any(Path(path).is_relative_to(folder) for folder in _OWN_CODE)
    return ours and line.strip().startswith("raise ")


def _of_worker(text: str) -> str:
    """Return the message in the text of an error of a data loader's worker."""
    return re.split(r"^[\w.]*(?:Error|Exception): ", text, flags=re.MULTILINE)[-1]


def _last_frame(trace: str) -> tuple[str, str]:
    """Return file and line of the last frame in the text of a traceback."""
    frames = re.findall(r'^  File "(.+?)", line.*(?:\n    (.*))?', trace, re.MULTILINE)
    return frames[-1] if frames else ("", "")
