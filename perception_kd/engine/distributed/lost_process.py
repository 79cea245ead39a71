"""Errors of a process whose peers died or hang, in the words of the tools."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

_WAITED = re.compile(r"timed? ?out", re.IGNORECASE)
_CLOSED = re.compile(
    r"connection (closed|reset|refused)|broken pipe|socket closed|remote process exited|aborted",
    re.IGNORECASE,
)
# What torch names in errors of collective operations, which are plain RuntimeErrors.
_COLLECTIVE = re.compile(r"gloo|NCCL|ProcessGroup|c10d", re.IGNORECASE)


@contextmanager
def lost_processes_named(timeout: float) -> Iterator[None]:
    """Raise one clear error where another process is lost.

    Args:
        timeout: How long this process waits for another one, in s.

    Raises:
        ConnectionError: Where another process did not answer in time or has ended.
    """
    try:
        yield
    except RuntimeError as error:
        message = explain_lost_process(error, timeout)
        if message is None:
            raise
        raise ConnectionError(message) from error


def explain_lost_process(error: RuntimeError, timeout: float) -> str | None:
    """Describe torch's error of a lost process; None for any other error.

    Args:
        error: Error of a step, of an evaluation or of the start.
        timeout: How long this process waits for another one, in s.
    """
    text = str(error)
    if not isinstance(error, dist.DistError) and not _COLLECTIVE.search(text):
        return None
    if _WAITED.search(text):
        return (
            f"another process did not answer within {timeout:g} s: it was stopped, hangs, or is "
            "that much slower. If a step or an evaluation may take so long, set "
            "--cfg-options env_cfg.dist_cfg.timeout=SECONDS."
        )
    if _CLOSED.search(text):
        return (
            "another process has ended, so this one ends as well; the error of that process says "
            "why, or it was killed, for example for lack of memory."
        )
    return None
