"""Time and memory of two ways to the same result, taken in turns."""

import ctypes
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

Row = dict[str, Any]
Way = Callable[[], Sequence[Tensor]]


class Settings(NamedTuple):
    """How to run a benchmark.

    Attributes:
        repeats: Times that each way is run; the fastest counts.
        device: Where the tensors are.
    """

    repeats: int = 5
    device: str = "cpu"


class Case(NamedTuple):
    """Two ways to the same result, from the same inputs.

    Attributes:
        name: What is computed.
        reference: What the other way is.
        ours: Our way; returns its results.
        theirs: The other way; returns the same results in the same order.
    """

    name: str
    reference: str
    ours: Way
    theirs: Way


def compare(case: Case, settings: Settings) -> Row:
    """Run both ways of a case in turns, so that a busy machine hits both alike.

    Memory is the peak during one run, beyond what was there before and without the
    results, which both ways have to return: resident memory of the process on a CPU
    (None where Linux's ``/proc`` is missing), allocated memory on a GPU.

    Args:
        case: What to compare.
        settings: How often and where.

    Returns:
        ``name``, ``reference``, seconds ``ours_s`` and ``reference_s`` of the fastest
        run, ``ratio`` = ``reference_s / ours_s``, peaks ``ours_mb`` and
        ``reference_mb`` in MB (10^6 bytes), ``max_abs_diff`` over all results.
    """
    results = case.ours(), case.theirs()
    diff = max(
        float((a.detach() - b.detach()).abs().max()) if a.numel() else 0.0
        for a, b in zip(*results, strict=True)
    )
    del results
    seconds = [
        [_seconds(way, settings.device) for way in (case.ours, case.theirs)]
        for _ in range(settings.repeats)
    ]
    ours_s, reference_s = (min(column) for column in zip(*seconds, strict=True))
    return {
        "name": case.name,
        "reference": case.reference,
        "ours_s": ours_s,
        "reference_s": reference_s,
        "ratio": reference_s / ours_s,
        "ours_mb": measure_peak_mb(case.ours, settings.device),
        "reference_mb": measure_peak_mb(case.theirs, settings.device),
        "max_abs_diff": diff,
    }


def measure_peak_mb(way: Way, device: str = "cpu") -> float | None:
    """Return the peak of memory in one run, without what is there before and after.

    Args:
        way: What to run.
        device: Where it allocates.

    Returns:
        MB (10^6 bytes), or None where the system does not tell.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        kept = sum(result.nbytes for result in way())
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before - kept) / 1e6

    try:
        # Pages that malloc keeps for later would hide what a run takes again.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        resident = _status_bytes("VmRSS")
        kept = sum(result.nbytes for result in way())
        return max(_status_bytes("VmHWM") - resident - kept, 0) / 1e6
    except (AttributeError, OSError):
        return None


def _status_bytes(key: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{key}:\s+(\d+) kB", status)[0]) * 1024


def _seconds(way: Way, device: str) -> float:
    start = time.perf_counter()
    way()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
