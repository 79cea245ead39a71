"""The lock of a work dir, which one experiment holds at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perception_kd.experiments.stages import ExperimentError

LOCK_FILE = ".lock"


@contextmanager
def lock_experiment(work_dir: Path) -> Iterator[int]:
    """Lock a work dir, so that no second experiment writes to it.

    Yields:
        File descriptor of the lock. A process that inherits it keeps the work dir
        locked until it ends, also when this one is killed.

    Raises:
        ExperimentError: If the lock is held, or its file is a symbolic link.
    """
    path = work_dir / LOCK_FILE
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ExperimentError(f"Cannot lock {path}: {error.strerror}; remove it.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ExperimentError(
            f"{work_dir} is in use by another experiment, or by the last stage of one that was "
            "killed; wait for it to end, or choose another --work-dir."
        ) from None
    except OSError as error:
        os.close(lock)
        raise ExperimentError(
            f"Cannot lock {path}: {error.strerror}; choose a --work-dir on a local disk."
        ) from error
    try:
        yield lock
    finally:
        os.close(lock)
