"""Levels of the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


@contextmanager
def only_errors_logged() -> Iterator[None]:
    """Leave out what is logged, such as by building a model, except for errors."""
    logger: MMLogger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
