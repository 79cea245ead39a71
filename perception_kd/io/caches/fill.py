"""Fill a cache: one entry per input file, on many processes."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from perception_kd.io.atomic import remove_leftovers
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker, InputT
from perception_kd.io.caches.origin import measure_origin
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.io.input_file import InputFile
from perception_kd.io.workers import Workers, check_workers, run_jobs


@dataclass
class Filled:
    """Result of filling a cache.

    Attributes:
        num_made: Number of entries made.
        num_kept: Number of entries that were there already.
        num_segments: Number of segments in all entries made.
        failed: Error by path of each input that cannot be read.
    """

    num_made: int = 0
    num_kept: int = 0
    num_segments: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def mean_segments(self) -> float:
        """Mean number of segments per entry made; 0 if none was."""
        return self.num_segments / max(self.num_made, 1)


class Filling(NamedTuple):
    """A cache to fill.

    Attributes:
        cache: Cache with the settings of the maker.
        maker: How to make an entry.
        sources: Input files.
    """

    cache: Cache
    maker: CacheEntryMaker[Any, Any]
    sources: Sequence[InputFile]


def fill_cache(
    cache: Cache,
    maker: CacheEntryMaker[InputT, Any],
    sources: Sequence[InputT],
    *,
    workers: Workers = 2,
    resume: bool = True,
    verify: bool = False,
    progress: bool = True,
) -> Filled:
    """Make the entries of input files and save the manifest, also after an error.

    Args:
        cache: Cache with the settings of the maker.
        maker: How to make an entry.
        sources: Input files.
        workers: Number of processes, 0 works in this process; or a pool elsewhere.
        resume: Keep the entries that are there.
        verify: Read the entries that are there, and replace those that are broken.
        progress: Show a progress bar.

    Returns:
        What was made. Inputs that cannot be read are in ``failed``; the entries of all
        others are made.

    Raises:
        ValueError: If ``workers`` is negative.
    """
    filling = Filling(cache, maker, sources)
    (filled,) = fill_caches(
        [filling], workers=workers, resume=resume, verify=verify, progress=progress
    )
    return filled


def fill_caches(
    fillings: Sequence[Filling],
    *,
    workers: Workers = 2,
    resume: bool = True,
    verify: bool = False,
    progress: bool = True,
    group_of: Callable[[InputFile], str] | None = None,
) -> list[Filled]:
    """Make the entries of several caches in one pass.

    Makers may share objects. The entries of a group are made one after the other by the
    same process with the same objects, in the order of the caches, so that these may
    keep what several entries need.

    Args:
        fillings: The caches.
        workers: Number of processes, 0 works in this process; or a pool elsewhere.
        resume: Keep the entries that are there.
        verify: Read the entries that are there, and replace those that are broken.
        progress: Show a progress bar.
        group_of: Name of the group of an input file; None makes each its own.

    Returns:
        As of :func:`fill_cache`, for each cache.

    Raises:
        ValueError: If ``workers`` is negative.
    """
    check_workers(workers)
    groups: dict[str, list[_Job]] = {}
    all_filled = []
    for place, (cache, maker, sources) in enumerate(fillings):
        present = cache.keys() if resume else set()
        missing = [source for source in sources if verify or source.key not in present]
        all_filled.append(Filled(num_kept=len(sources) - len(missing)))
        for source in missing:
            name = source.key if group_of is None else group_of(source)
            keeps = verify and source.key in present
            groups.setdefault(name, []).append(_Job(place, cache, maker, source, keeps))
    results = run_jobs(
        _run_group, list(groups.values()), workers, preload=type(fillings[0].maker).__module__
    )
    bar = tqdm(
        total=sum(len(filling.sources) for filling in fillings),
        initial=sum(filled.num_kept for filled in all_filled),
        desc=" and ".join(filling.maker.kind for filling in fillings),
        disable=not progress,
    )
    try:
        with bar, closing(results):
            for jobs, group_results in results:
                bar.update(len(jobs))
                for job, result in zip(jobs, group_results, strict=True):
                    _add(all_filled[job.place], job.source.path, result)
        if not isinstance(workers, int):
            for filling in fillings:  # those of lost nodes
                remove_leftovers(filling.cache.folder, all_writers=True)
    finally:
        for filling in fillings:
            filling.cache.save_manifest()
    return all_filled


def write_previews(
    cache: Cache, maker: CacheEntryMaker[InputT, Any], sources: Sequence[InputT], number: int
) -> list[Path]:
    """Draw some entries of a cache into its folder ``preview``.

    Args:
        cache: The cache.
        maker: How to draw an entry.
        sources: Input files; those without an entry are left out.
        number: Number of entries to draw at most, spread evenly.

    Returns:
        The files.
    """
    entries = cache.keys()
    sources = [source for source in sources if source.key in entries]
    number = min(number, len(sources))
    folder = cache.folder / "preview"
    if number:
        make_inner_folder(cache.folder, folder)
    paths = []
    for i in range(number):
        source = sources[i * len(sources) // number]
        paths.append(folder / f"{source.key}.png")
        maker.draw(cache, source, paths[-1])
    return paths


@dataclass(frozen=True)
class _Job:
    place: int  # of its cache
    cache: Cache
    maker: CacheEntryMaker[Any, Any]
    source: InputFile
    keep_if_intact: bool


def _run_group(jobs: Sequence[_Job]) -> list[int | str | None]:
    return [_run_job(job) for job in jobs]


def _run_job(job: _Job) -> int | str | None:
    """Return the number of segments, the error, or None for an entry that is kept."""
    try:
        data = job.maker.read(job.source)
    except (FileNotFoundError, BrokenFileError) as error:
        return str(error)
    if job.keep_if_intact and _is_intact(job, data):
        return None
    entry, num_segments = job.maker.make(data)
    origin = measure_origin(job.source.key, job.source.path)
    job.cache.write(job.source.key, job.maker.mark(entry, origin))
    return num_segments


def _is_intact(job: _Job, data: Any) -> bool:
    try:
        job.maker.check(job.cache, job.source, data)
    except BrokenFileError:
        return False
    return True


def _add(filled: Filled, path: str, result: int | str | None) -> None:
    if isinstance(result, str):
        filled.failed[path] = result
    elif result is None:
        filled.num_kept += 1
    else:
        filled.num_made += 1
        filled.num_segments += result
