"""What every command shares that fills a cache entry by entry: options, jobs, words."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mmengine.logging import MMLogger
from tqdm import tqdm

from perception_kd.io.cache import Cache
from perception_kd.io.workers import run_jobs

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

_MAX_NAMED = 20


def add_filling_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for how to fill: ``--workers``, ``--resume``, ``--verify``."""
    add = parser.add_argument
    add("--workers", type=int, default=2, help="processes; 0 = none (default: %(default)s)")
    help_resume = "keep what is there (default) or make all anew"
    add("--resume", action=argparse.BooleanOptionalAction, default=True, help=help_resume)
    add("--verify", action="store_true", help="check what is there, make broken files anew")


def describe_source(
    path: str, info: dict[str, Any], made_with: str, command: str
) -> dict[str, Any]:
    """Return what a cache's manifest says of the info file that it was made from.

    Args:
        path: The info file.
        info: Its content.
        made_with: Package and version that make the entries.
        command: Shell command that goes on with the cache.
    """
    return {
        "dataset": info["metainfo"].get("dataset"),
        "version": info["metainfo"].get("version"),
        "info_file": str(Path(path).absolute()),
        "made_with": made_with,
        "command": command,
    }


def fill_cache(
    cache: Cache,
    run: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    note: Callable[[JobT, ResultT], None],
    *,
    workers: int,
    bar: "tqdm[Any]",
) -> None:
    """Run the jobs that write entries; whatever happens, save the manifest at the end.

    Args:
        cache: That the jobs write to.
        run: As in :func:`~perception_kd.io.workers.run_jobs`.
        jobs: One for each entry that is not kept.
        note: Called with each job as it ends, and its result.
        workers: Processes; 0 works in this one.
        bar: Progress bar, closed at the end.
    """
    try:
        with bar:
            for job, result in run_jobs(run, jobs, workers):
                bar.update()
                note(job, result)
    finally:
        cache.save_manifest()


@contextmanager
def say_how_to_go_on(command: str) -> Iterator[None]:
    """Log the command that goes on where the user stops what is inside."""
    try:
        yield
    except KeyboardInterrupt:
        logger: MMLogger = MMLogger.get_current_instance()
        logger.warning("Stopped; what is done stays. To go on: %s", command)
        raise


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
