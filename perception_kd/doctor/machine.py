"""Checks of the machine: cores, threads, memory for workers, disks, open files."""

import resource
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from perception_kd.doctor.finding import Finding, Level
from perception_kd.io.atomic import make_writable_folder

_AREA = "machine"
_GB = 1e9
_MIN_SHARED_GB = 1.0
_MIN_DISK_GB, _LOW_DISK_GB = 0.5, 5.0
_MIN_OPEN_FILES = 1024


def check_cores(cores: int, workers: int, threads: str | None) -> Iterator[Finding]:
    """Yield findings on worker processes and threads.

    Args:
        cores: Number of usable cores.
        workers: Worker processes of the data loader.
        threads: Value of OMP_NUM_THREADS; None if it is not set.
    """
    if workers > cores:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"{workers} data-loader workers share {cores} cores.",
            "train_dataloader.num_workers",
            f"--cfg-options train_dataloader.num_workers={max(cores - 1, 0)}",
        )
    if threads is not None and not (threads.isdigit() and int(threads) > 0):
        yield Finding(
            Level.WARNING,
            _AREA,
            f"It must be a positive number, but got {threads!r}.",
            "OMP_NUM_THREADS",
            "export OMP_NUM_THREADS=1",
        )
    elif threads is not None and int(threads) > cores:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"{threads} threads share {cores} cores.",
            "OMP_NUM_THREADS",
            f"export OMP_NUM_THREADS={cores}",
        )
    else:
        shown = threads or "not set, so one thread per core"
        yield Finding(
            Level.OK, _AREA, f"{cores} cores, {workers} workers, OMP_NUM_THREADS {shown}."
        )


def check_shared_memory(workers: int, folder: Path = Path("/dev/shm")) -> Iterator[Finding]:
    """Yield the finding on the memory through which workers send batches.

    Args:
        workers: Worker processes of the data loader.
        folder: Where shared memory is mounted.
    """
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free / _GB
    if free < _MIN_SHARED_GB and workers:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"Only {free:.2f} GB of shared memory are free; workers die with a bus error when it "
            "is full.",
            str(folder),
            "start a container with --shm-size=8g, or set num_workers=0",
        )
    else:
        yield Finding(Level.OK, _AREA, f"{free:.1f} GB of shared memory are free.")


def check_disks(folders: Mapping[str, Path]) -> Iterator[Finding]:
    """Yield findings on the space in folders that a run writes to.

    Args:
        folders: Folder by what it is, such as "work dir"; it need not exist.
    """
    for name, folder in folders.items():
        present = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(present).free / _GB
        where = f"{name} {folder}"
        if not _is_writable(present):
            yield Finding(Level.ERROR, _AREA, "It cannot be written to.", where, "choose another")
        elif free < _LOW_DISK_GB:
            level = Level.ERROR if free < _MIN_DISK_GB else Level.WARNING
            yield Finding(
                level, _AREA, f"Only {free:.2f} GB are free.", where, "free space or choose another"
            )
        else:
            yield Finding(Level.OK, _AREA, f"{free:.0f} GB are free.", where)


def _is_writable(folder: Path) -> bool:
    """Return whether files can be written to a folder that exists; none is left."""
    try:
        make_writable_folder("", folder)
    except PermissionError:
        return False
    return True


def check_open_files(workers: int, limit: int | None = None) -> Iterator[Finding]:
    """Yield a finding if a process may open few files.

    Args:
        workers: Worker processes of the data loader; each tensor that they send is an
            open file.
        limit: Number of files a process may open; by default what the system says.
    """
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if workers and 0 <= limit < _MIN_OPEN_FILES:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"A process may open only {limit} files; workers fail with 'too many open files'.",
            "ulimit -n",
            "run: ulimit -n 4096",
        )
