"""Work that a process must finish, and advice it must give, before it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Reentrant, since a signal's handler may do the same again in the middle of it.
FINISH = threading.RLock()
_ADVICE = "advice"


@contextmanager
def advise_if_stopped(advice: str) -> Iterator[None]:
    """Show how to continue if the block is stopped, in the tool's last line.

    Args:
        advice: Sentences; an inner block's advice takes precedence.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if not find_advice(stop):
            setattr(stop, _ADVICE, advice)
        raise


def find_advice(stop: KeyboardInterrupt) -> str:
    """Return what :func:`advise_if_stopped` says about a stop; empty without."""
    return str(getattr(stop, _ADVICE, ""))
