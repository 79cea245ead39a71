"""A bound on the memory that reading a file may take."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USED = Path("/proc/self/statm")
# For libraries that are loaded and threads that are started meanwhile.
_SLACK_BYTES = 2**31


@contextmanager
def bounded_memory(path: str | Path, factor: int) -> Iterator[None]:
    """Refuse the process more memory than the size of a file justifies, in the block.

    A pickle of a few bytes can ask for any amount: an array by its shape, a place of
    its memo by a number. Without a bound, the system kills the process without a word.
    Where the system has no such bound, there is none.

    Args:
        path: The file that is read.
        factor: Memory that it may need, in sizes of the file; 2 GiB more are free.

    Raises:
        MemoryError: In the block, by whatever asks for more.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        yield
        return
    if not _USED.exists():
        yield
        return
    used = int(_USED.read_text().split()[0]) * resource.getpagesize()
    wanted = used + _SLACK_BYTES + factor * Path(path).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    set_before = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *set_before]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
