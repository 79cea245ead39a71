"""Many pieces of work on worker processes, and a text for what failed."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import TypeVar

import cv2
from mmengine.logging import MMLogger

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

_MAX_NAMED = 20


def run_jobs(
    run: Callable[[JobT], ResultT], jobs: Sequence[JobT], workers: int
) -> Iterator[tuple[JobT, ResultT]]:
    """Yield jobs as they end, with their results.

    When stopped by hand, the jobs in the workers' hands are finished and no other is
    begun.

    Args:
        run: A function of a module, called once for each job.
        jobs: What can be pickled.
        workers: Processes, each with one thread; 0 works in this one, in order.
    """
    if workers == 0:
        yield from ((job, run(job)) for job in jobs)
        return
    # A fork of this process could copy locks of threads that others started in it.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run.__module__])
    waiting = iter(jobs)
    running: dict[Future[ResultT], JobT] = {}
    pool = ProcessPoolExecutor(min(workers, max(len(jobs), 1)), context, _start_worker)
    try:
        while True:
            # A few jobs each keep the workers busy; all at once would take memory.
            while len(running) < 4 * workers and (job := next(waiting, None)) is not None:
                running[pool.submit(run, job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except KeyboardInterrupt:
        MMLogger.get_current_instance().warning("Stopping after what the workers have in hand.")
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    # The parent ends its workers, after the jobs in their hands.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def describe_failures(
    errors: Sequence[str], num_inputs: int, what: str, result: str, command: str
) -> str:
    """Return the text that tells which inputs could not be read.

    Args:
        errors: One text an input that could not.
        num_inputs: Number of all inputs.
        what: What they are, in the plural.
        result: What they have none of now.
        command: That goes on when they are mended.
    """
    more = [f"and {len(errors) - _MAX_NAMED} more"] if len(errors) > _MAX_NAMED else []
    return "\n  ".join(
        [
            f"All {num_inputs} {what} must be readable, but {len(errors)} are not, and have no "
            f"{result}; mend them, then run again: {command}",
            *errors[:_MAX_NAMED],
            *more,
        ]
    )
