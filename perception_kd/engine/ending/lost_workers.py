"""Killed workers of data loaders, which torch reports at any time and place.

It does so where the signal of their death interrupts Python: in the middle of another
error, in a callback that cannot raise, or after the last line of a tool. What the main
process reads from a killed worker may fail before that, without naming a worker.
"""

import signal
import sys
import threading
import time
import traceback
from types import FrameType

_SIGNALS = "torch.utils.data._utils.signal_handling"
_MESSAGE = "DataLoader worker (pid"
# Where the main process reads what workers send.
_READS = ("torch/utils/data/dataloader.py", "_try_get_data")
# Time in s from the end of a worker's connections to its death, on a busy machine.
_PATIENCE_S = 5.0
_POLL_S = 0.02
_REPEAT_S = 0.05


def silence_loader_errors() -> None:
    """Let torch raise no more errors of killed workers, as a tool ends anyway."""
    torch_signals = sys.modules.get(_SIGNALS)
    if torch_signals is not None and getattr(torch_signals, "_SIGCHLD_handler_set", False):
        signal.signal(signal.SIGCHLD, _do_nothing)
        # The next data loader of this process, if there is one, sets torch's again.
        torch_signals._SIGCHLD_handler_set = False  # type: ignore[attr-defined]


def find_killed_worker(error: Exception) -> Exception:
    """Return torch's error of a killed worker where that is what broke the connection.

    Args:
        error: The error that ended a tool, after :func:`silence_loader_errors`.

    Returns:
        The cause, or the error itself.
    """
    check = getattr(sys.modules.get(_SIGNALS), "_error_if_any_worker_fails", None)
    end = time.monotonic() + _PATIENCE_S
    while check is not None and _lost_connection(error) and time.monotonic() < end:
        try:
            check()
        except RuntimeError as killed:
            return killed
        time.sleep(_POLL_S)
    return error


def repeat_lost_loader_error(error: BaseException | None) -> bool:
    """Raise torch's error of a killed worker again where Python could not raise it.

    Args:
        error: What could not be raised, as in a destructor.

    Returns:
        Whether it is such an error.
    """
    if not isinstance(error, RuntimeError) or _MESSAGE not in str(error):
        return False

    def repeat(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGCHLD, before)
        raise error

    before = signal.signal(signal.SIGCHLD, repeat)
    main = threading.main_thread().ident or 0
    again = threading.Timer(_REPEAT_S, signal.pthread_kill, (main, signal.SIGCHLD))
    again.daemon = True
    again.start()
    return True


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Ignore the end of a child; Python complains of a default handler set then."""


def _lost_connection(error: Exception) -> bool:
    """Return whether what a worker sent could not be read."""
    if not isinstance(error, EOFError | OSError) or _MESSAGE in str(error):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    codes = [frame.f_code for frame, _ in frames]
    path, name = _READS
    return any(code.co_name == name and code.co_filename.endswith(path) for code in codes)
