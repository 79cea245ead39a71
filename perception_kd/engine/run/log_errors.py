"""Errors while a log is written."""

import logging
import sys

from mmengine.logging import MMLogger

_NEVER = logging.CRITICAL + 1


def raise_log_errors(logger: MMLogger) -> MMLogger:
    """Let a log file that cannot be written end the run; Python prints a traceback.

    If standard output cannot be written, because it is a pipe whose reader has ended or
    a file on a full disk, the run continues without it.

    Args:
        logger: Logger of the run.

    Returns:
        The same logger.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _Raise(handler)  # type: ignore[method-assign]
        else:
            handler.handleError = _Silence(logger, handler)
    return logger


class _Raise:
    """Raise the error of a log file, with its name."""

    def __init__(self, handler: logging.FileHandler) -> None:
        self.handler = handler

    def __call__(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, self.handler.baseFilename) from error


class _Silence:
    """Write no more to an output that fails, and say so where it is still read."""

    def __init__(self, logger: logging.Logger, handler: logging.Handler) -> None:
        self.logger = logger
        self.handler = handler

    def __call__(self, record: logging.LogRecord) -> None:
        self.handler.setLevel(_NEVER)
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.logger.warning(f"Standard output cannot be written any more: {error}")
