"""Jobs on worker processes, with one way to stop them."""

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Protocol, TypeVar

from perception_kd.utils.checks import check_at_least
from perception_kd.utils.ending import FINISH

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

# Jobs submitted per worker: enough to keep it busy, without all results in memory.
_JOBS_PER_WORKER = 4
_PR_SET_PDEATHSIG = 1  # of Linux
# How much free memory glibc keeps, and from which size on blocks never are kept.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _LARGEST_KEPT = 2**30, 2**25
_KILLED = (
    "A worker process was killed, most likely because memory is full. Finished work is kept: run "
    "the same command again, with fewer --workers."
)


class JobPool(Protocol):
    """Processes elsewhere that run jobs, such as those of a cluster."""

    def run_jobs(
        self, run: Callable[[JobT], ResultT], jobs: Sequence[JobT], *, in_order: bool = False
    ) -> Generator[tuple[JobT, ResultT], None, None]:
        """Yield jobs with their results, as they are done; see :func:`run_jobs`.

        A job whose process or machine is lost runs again, and one whose result has
        arrived does not.
        """


# Number of processes on this machine, or where else jobs run.
Workers = int | JobPool


def check_workers(workers: Workers) -> None:
    """Refuse a negative number of processes.

    Raises:
        ValueError: If it is negative.
    """
    if isinstance(workers, int):
        check_at_least("workers", workers, 0)


def run_jobs(
    run: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    workers: Workers,
    *,
    in_order: bool = False,
    preload: str | None = None,
) -> Generator[tuple[JobT, ResultT], None, None]:
    """Yield jobs with their results, as they are done.

    After Ctrl-C, after an error, or when the caller stops iterating, the workers are
    killed in the middle of their jobs. Jobs must therefore write their files as a
    whole (:mod:`~perception_kd.io.atomic`). Workers also end when their parent does.

    Args:
        run: Called once per job; workers import its module, so it should be cheap to
            import.
        jobs: Jobs; both they and the results must be picklable.
        workers: Number of processes, each with one OpenCV thread; 0 runs the jobs in
            this process, in order. A pool runs them elsewhere, the same way.
        in_order: Yield in the order of ``jobs``, not of completion.
        preload: Module that all workers need, imported once for all; None is the
            module of ``run``.

    Raises:
        ChildProcessError: If a worker is killed from outside, as by the system when
            memory is full.
    """
    if not isinstance(workers, int):
        yield from workers.run_jobs(run, jobs, in_order=in_order)
        return
    if workers == 0:
        yield from ((job, run(job)) for job in jobs)
        return
    others = set(multiprocessing.active_children())
    # A fork of this process would copy locks that its threads may hold.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload or run.__module__])
    pool: ProcessPoolExecutor | None = None
    try:
        _start_server()
        pool = ProcessPoolExecutor(min(workers, max(len(jobs), 1)), context, start_worker)
        limit = _JOBS_PER_WORKER * workers
        yield from gather_results(partial(_submit, pool, run), jobs, lambda: limit, in_order)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            _kill_server()
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        if isinstance(error, BrokenProcessPool):
            raise ChildProcessError(_KILLED) from error
        raise
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def gather_results(
    submit: Callable[[JobT], Future[ResultT]],
    jobs: Sequence[JobT],
    max_submitted: Callable[[], int],
    in_order: bool,
) -> Iterator[tuple[JobT, ResultT]]:
    """Submit jobs, and yield them with their results, each once.

    Args:
        submit: Starts a job.
        jobs: The jobs.
        max_submitted: Returns how many jobs may be submitted now without a result.
        in_order: Yield in the order of ``jobs``, not of completion.

    Raises:
        BaseException: The first error of a job.
    """
    waiting = iter(jobs)
    submitted: deque[tuple[Future[ResultT], JobT]] = deque()
    while True:
        while len(submitted) < max_submitted() and (job := next(waiting, None)) is not None:
            submitted.append((submit(job), job))
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


def _submit(
    pool: ProcessPoolExecutor, run: Callable[[JobT], ResultT], job: JobT
) -> Future[ResultT]:
    # The server answers after it has imported the module, which takes time.
    with _uninterrupted(_kill_server):
        return pool.submit(run, job)


def start_worker() -> None:
    """Prepare a worker process: it ends with its parent, and Ctrl-C does not reach it.

    A terminal interrupts all processes at once, but only the parent is to react. When
    the parent ends, in whatever way, the worker ends in the middle of its work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":  # also while a library holds the interpreter's lock
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_libraries()


def prepare_libraries() -> None:
    """Set OpenCV and malloc for a process that is one of many."""
    if "cv2" in sys.modules:
        # Zero also means no threads; one would wait for those that the parent has had.
        sys.modules["cv2"].setNumThreads(0)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let this process use the memory of freed arrays again, where malloc is glibc's.

    By default glibc gives it back to the system. New memory comes in pages of 4 kB at
    their first write, which takes many times as long as the write on virtual machines.
    A worker that loads samples needs the same memory for each.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _start_server() -> None:
    """Start the process that workers are forked from; it never gets a Ctrl-C."""
    with _uninterrupted():
        # Starting the tracker unblocks the signal, so it has to come first.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        except OSError as error:
            if "AF_UNIX path too long" not in str(error):
                raise
            raise OSError(
                f"Workers cannot be started from {tempfile.gettempdir()}, the path of which is too "
                "long for sockets; set TMPDIR to a folder with a shorter path, or use --workers 0."
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _kill_server() -> None:
    """End the process that workers are forked from, and with it the workers."""
    pid = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)
    if pid is None:
        return
    with FINISH:  # a stopped server does not notice the end of this process
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)  # it forks no more
        # A worker that begins does not know yet that it has to end with its parent.
        for process in (*_list_children(pid), pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _list_children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # not on Linux, or the process has ended
        return []
    return [int(word) for word in text.split()]


@contextmanager
def _uninterrupted(at_signal: Callable[[], object] = int) -> Iterator[None]:
    """Hold signals back in the block: a process that is half started would complain.

    Args:
        at_signal: Called at each signal, to end what the block waits for.
    """
    is_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if is_main else ()
    handlers = {x: handler for x in numbers if callable(handler := signal.getsignal(x))}
    received: list[int] = []

    def keep(number: int, frame: object) -> None:
        received.append(number)
        at_signal()

    for number in handlers:
        signal.signal(number, keep)
    try:
        yield
    except (EOFError, OSError):  # of what was ended
        if not received:
            raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        handlers[signal.Signals(received[0])](received[0], None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
