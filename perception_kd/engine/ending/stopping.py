"""Stop a tool by a signal: cleanly at the first one, at once at the second."""

import atexit
import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from perception_kd.engine.ending.lost_workers import repeat_lost_loader_error, silence_loader_errors
from perception_kd.utils.ending import FINISH

# What the user can do, where nobody knows it better.
AGAIN = "To continue, run the same command again."
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Time in s that a tool has to end cleanly.
_GRACE_S = 15.0
# The same while it imports modules; files survive this end as they do a kill.
_IMPORT_GRACE_S = 1.0
# Time in s until a stop is tried again where it could not be raised.
_POLL_S = 0.05
# Signals that wait for that, and those that have been sent again.
_postponed: list[int] = []
_repeated: list[int] = []
# Whether a tool of this process can be stopped, for the processes that it forks.
_active: list[bool] = []


_Handler = Callable[[int, FrameType | None], Any] | int | None


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop.

    Attributes:
        status: Exit status of a program that ends for it, as shells report it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def find_stop(error: BaseException | None) -> Stopped | None:
    """Return the signal that led to an error, among its causes; None if none did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Stopped):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise :class:`Stopped` in the block at Ctrl-C, SIGTERM or SIGHUP.

    The process ends at once at a second signal, if it still imports modules 1 s after
    the first, and if it still runs 15 s after it, so also where it waits in a library
    that does not return. Its worker processes end with it
    (:func:`~perception_kd.io.workers.start_worker`); those that it forks ignore Ctrl-C,
    which a terminal sends to all. Signals that the program handles or ignores already
    are left to it.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [number for number in _SIGNALS if signal.getsignal(number) in usual]
    if threading.current_thread() is not threading.main_thread() or not numbers:
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, _stop) for number in numbers}
    # The system writes to it even if Python's own handler has no turn.
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _active.append(True)
    threading.Thread(target=_watch, args=(reader, numbers), daemon=True).start()
    hook, sys.unraisablehook = sys.unraisablehook, _repeat_lost_stop
    try:
        yield
    except BaseException as error:
        silence_loader_errors()
        # What follows a signal, up to the end of the process, may hang as well.
        if find_stop(error) is None:
            _restore(before, wakeup, writer)
            sys.unraisablehook = hook
        raise
    else:
        _restore(before, wakeup, writer)
        sys.unraisablehook = hook


def _stop(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        _postponed.append(number)
        return
    # Further ones are up to the watching thread.
    for other in _SIGNALS:
        if signal.getsignal(other) is _stop:
            signal.signal(other, _leave_to_watch)
    raise Stopped(number)


def _is_importing(frame: FrameType | None) -> bool:
    """Return whether a module is being imported.

    Extensions crash if they are stopped half-way, or imported again after that.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _repeat_lost_stop(lost: "sys.UnraisableHookArgs") -> None:
    """Stop again if Python could not raise the first stop, as in a callback."""
    if not isinstance(lost.exc_value, Stopped):
        if not repeat_lost_loader_error(lost.exc_value):
            sys.__unraisablehook__(lost)
        return
    number = lost.exc_value.status - 128
    signal.signal(number, _stop)
    _postponed.append(number)


def _leave_to_watch(number: int, frame: FrameType | None) -> None:
    """Do nothing; unlike an ignored signal, this one is seen by the watching thread."""


def _watch(reader: int, numbers: list[signal.Signals]) -> None:
    with contextlib.suppress(EOFError):
        first = _read_signal(reader, numbers, None)
        begin = time.monotonic()
        while _read_signal(reader, numbers, _POLL_S) is None:
            passed = time.monotonic() - begin
            if passed > _GRACE_S:
                break
            if _postponed and passed > _IMPORT_GRACE_S:
                os.write(2, f"\nStopped. {AGAIN}\n".encode())
                break
            for number in _postponed:
                # To this thread, so that it also ends a call that waits.
                _repeated.append(number)
                signal.pthread_kill(_main_thread(), number)
            _postponed.clear()
        FINISH.acquire(timeout=1.0)  # never released: the process ends
        os._exit(128 + (first or signal.SIGINT))
    os.close(reader)


def _main_thread() -> int:
    return threading.main_thread().ident or 0


def _read_signal(reader: int, numbers: list[signal.Signals], timeout_s: float | None) -> int | None:
    """Return the next signal, or None after the time.

    Raises:
        EOFError: If no more can come.
    """
    while select.select([reader], [], [], timeout_s)[0]:
        received = os.read(reader, 1)
        if not received:
            raise EOFError
        if received[0] in _repeated:
            _repeated.remove(received[0])
        elif received[0] in numbers:
            return received[0]
    return None


def _restore(before: Mapping[signal.Signals, _Handler], wakeup: int, writer: int) -> None:
    _active.pop()
    _postponed.clear()
    signal.set_wakeup_fd(wakeup)
    for number, handler in before.items():
        signal.signal(number, handler)
    os.close(writer)


def _reset_child() -> None:
    """Undo in a forked process what is meant for its parent."""
    if _active:
        _active.clear()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) in (_stop, _leave_to_watch):
                signal.signal(number, signal.SIG_DFL)


def _keep_status() -> None:
    """Let the interpreter of a stopped tool be taken down soon, whatever comes."""
    if _active:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        # Collecting what torch has imported takes a second of a CPU.
        gc.freeze()


os.register_at_fork(after_in_child=_reset_child)
# Registered before those of the libraries, and so called after them.
atexit.register(_keep_status)
