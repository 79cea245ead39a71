"""Run time and peak memory of two implementations of the same operation."""

import ctypes
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

Row = dict[str, Any]
_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_PR_SET_THP_DISABLE = 41  # of Linux
Implementation = Callable[[], Sequence[Tensor]]


class BenchmarkSettings(NamedTuple):
    """Settings of a benchmark.

    Attributes:
        repeats: Number of timed runs of each implementation; the fastest counts.
        device: Device of the tensors.
        against: Checkout of an earlier commit to compare with, for benchmarks that
            measure this project alone.
        size: Size of the networks and data of ``step``: "demo", "full" or "all".
    """

    repeats: int = 5
    device: str = "cpu"
    against: Path | None = None
    size: str = "all"


class Case(NamedTuple):
    """Two implementations of an operation on the same inputs.

    Attributes:
        name: Name of the operation.
        reference: Description of the reference implementation.
        ours: Our implementation; returns its results.
        theirs: Reference implementation; returns the same results in the same order.
        has_results: Whether there are results to compare; a reference may be the time
            of parts of the operation.
    """

    name: str
    reference: str
    ours: Implementation
    theirs: Implementation
    has_results: bool = True


def compare(
    case: Case, settings: BenchmarkSettings, clock: Callable[[], float] = time.perf_counter
) -> Row:
    """Run both implementations of a case alternately, so that other load affects both.

    Memory is the peak during one run beyond the memory in use before it, without the
    results, which both have to return: resident memory of the process on a CPU (None
    without the ``/proc`` of Linux), allocated memory on a GPU.

    Args:
        case: Implementations to compare.
        settings: Repeats and device.
        clock: What times a run; ``time.process_time`` counts seconds of a CPU, which
            other load changes less.

    Returns:
        ``name``, ``reference``, seconds ``ours_s`` and ``reference_s`` of the fastest
        run, ``ratio`` = ``reference_s / ours_s``, peaks ``ours_mb`` and
        ``reference_mb`` in MB (10^6 bytes), ``max_abs_diff`` over all results, None
        without results to compare.
    """
    results = case.ours(), case.theirs()
    diff = _largest_difference(*results) if case.has_results else None
    del results
    seconds = [
        [_seconds(run, settings.device, clock) for run in (case.ours, case.theirs)]
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


@contextmanager
def small_pages() -> Iterator[None]:
    """Give the process no pages of 2 MB meanwhile, where Linux can refuse them."""
    prctl = getattr(ctypes.CDLL(None), "prctl", lambda *_: None)
    prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_THP_DISABLE, 0, 0, 0, 0)


def describe_memory() -> str:
    """Say what the first write of memory costs, on which gains on a CPU depend."""
    large = "unknown"
    if _LARGE_PAGES.exists():
        large = re.findall(r"\[(\w+)\]", _LARGE_PAGES.read_text())[0]
    with small_pages():
        block = torch.empty(2**26)
        first, again = (_seconds(lambda: [block.fill_(1)], "cpu") for _ in range(2))
    return (
        f"large pages: {large}; with small ones, the first write of 1 GB takes "
        f"{first / block.nbytes * 1e9:.2f} s, the next {again / block.nbytes * 1e9:.2f} s"
    )


def _largest_difference(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    return max(
        float((a.detach() - b.detach()).abs().max()) if a.numel() else 0.0
        for a, b in zip(ours, theirs, strict=True)
    )


def measure_peak_mb(run: Implementation, device: str = "cpu") -> float | None:
    """Return the peak memory of one run beyond its inputs and results.

    Args:
        run: Function to run.
        device: Device on which it allocates.

    Returns:
        MB (10^6 bytes), or None if the system does not report it.
    """
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        kept = sum(result.nbytes for result in run())
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before - kept) / 1e6

    try:
        # Free pages kept by malloc would hide the memory that a run takes.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        resident = _status_bytes("VmRSS")
        kept = sum(result.nbytes for result in run())
        return max(_status_bytes("VmHWM") - resident - kept, 0) / 1e6
    except (AttributeError, OSError):
        return None


def _status_bytes(key: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{key}:\s+(\d+) kB", status)[0]) * 1024


def _seconds(
    run: Implementation, device: str, clock: Callable[[], float] = time.perf_counter
) -> float:
    start = clock()
    run()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return clock() - start
