"""Jobs on worker processes, with one way to stop them."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

# Jobs submitted per worker: enough to keep it busy, without all results in memory.
_JOBS_PER_WORKER = 4


def run_jobs(
    run: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    workers: int,
    *,
    in_order: bool = False,
    preload: str | None = None,
) -> Generator[tuple[JobT, ResultT], None, None]:
    """Yield jobs with their results, as they are done.

    After Ctrl-C, after an error, or when the caller stops iterating, the workers are
    terminated in the middle of their jobs. Jobs must therefore write their files as a
    whole (:mod:`~perception_kd.io.atomic`). Workers also end when their parent does.

    Args:
        run: Called once per job; workers import its module, so it should be cheap to
            import.
        jobs: Jobs; both they and the results must be picklable.
        workers: Number of processes, each with one OpenCV thread; 0 runs the jobs in
            this process, in order.
        in_order: Yield in the order of ``jobs``, not of completion.
        preload: Module that all workers need, imported once for all; None is the
            module of ``run``.
    """
    if workers == 0:
        yield from ((job, run(job)) for job in jobs)
        return
    others = set(multiprocessing.active_children())
    # A fork of this process would copy locks that its threads may hold.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload or run.__module__])
    pool = ProcessPoolExecutor(min(workers, max(len(jobs), 1)), context, _start_worker)
    try:
        yield from _collect(pool, run, jobs, _JOBS_PER_WORKER * workers, in_order)
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _collect(
    pool: ProcessPoolExecutor,
    run: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    max_submitted: int,
    in_order: bool,
) -> Iterator[tuple[JobT, ResultT]]:
    waiting = iter(jobs)
    submitted: deque[tuple[Future[ResultT], JobT]] = deque()
    while True:
        while len(submitted) < max_submitted and (job := next(waiting, None)) is not None:
            submitted.append((pool.submit(run, job), job))
        if not submitted:
            return
        if in_order:
            done = [submitted.popleft()]
        else:
            finished = wait([future for future, _ in submitted], return_when=FIRST_COMPLETED).done
            done = [pair for pair in submitted if pair[0] in finished]
            submitted = deque(pair for pair in submitted if pair[0] not in finished)
        for future, job in done:
            yield job, future.result()


def _start_worker() -> None:
    # A terminal interrupts all processes at once; only the parent reacts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
