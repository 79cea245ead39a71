"""Steps shared by commands that fill a cache from info files."""

import argparse
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.entry_maker import CacheEntryMaker, InputT
from perception_kd.io.caches.fill import Filled, fill_cache, write_previews
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.input_file import InputFile
from perception_kd.io.lock import lock_folder
from perception_kd.io.ray_cluster.options import list_worker_options, read_workers
from perception_kd.utils.ending import advise_if_stopped

_MAX_NAMED = 20


class CacheCommand:
    """One run of a command that fills a cache.

    Args:
        args: Parsed options of ``add_cache_arguments``.
        maker: How to make an entry.
        folder: Folder of the cache.
        options: Further words of the command line, for the manifest.
        name: Name of the command; None is the kind of cache.
        line: Shell command that resumes filling this cache, if another cache is filled
            by it too; None puts it together from the options.
        folder_option: Name of the option for the folder.

    Attributes:
        line: Shell command that resumes filling this cache.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        maker: CacheEntryMaker[Any, Any],
        folder: str | Path,
        options: Sequence[str],
        name: str | None = None,
        line: str | None = None,
        folder_option: str = "--out-dir",
    ) -> None:
        self._args, self._maker = args, maker
        self._folder_option = folder_option
        self._folder = Path(folder).absolute()
        words = ["python", "tools/create_data.py", name or maker.kind]
        words += ["--info", *map(os.path.abspath, args.info)]
        words += ["--data-root", os.path.abspath(args.data_root), "--out-dir", str(self._folder)]
        self.line = line or shlex.join([*words, *options, *list_worker_options(args)])

    def fill(
        self, infos: Mapping[str, dict[str, Any]], sources: Sequence[InputFile]
    ) -> tuple[Cache, Filled]:
        """Create or resume the cache and make the entries of input files.

        Args:
            infos: Content of each info file by its path, recorded in the manifest.
            sources: Input files.

        Raises:
            PermissionError: If the folder cannot be written to.
            BlockingIOError: If another process fills the cache.
            ValueError: If the folder holds something else.
        """
        args = self._args
        with self.open(infos) as cache, show_resume_command(self.line):
            filled = fill_cache(
                cache,
                self._maker,
                sources,
                workers=read_workers(args),
                resume=args.resume,
                verify=args.verify,
            )
        self.report(filled)
        return cache, filled

    @contextmanager
    def open(self, infos: Mapping[str, dict[str, Any]]) -> Iterator[Cache]:
        """Create or resume the cache, and lock it during the block.

        Args:
            infos: As for :meth:`fill`.

        Raises:
            As :meth:`fill`.
        """
        maker = self._maker
        make_writable_folder(self._folder_option, self._folder)
        settings = maker.settings.as_dict()
        with lock_folder(self._folder_option, self._folder):
            for path, info in infos.items():
                source = _describe_source(path, info, maker.made_with, self.line)
                cache = Cache.create(self._folder, maker.kind, settings, maker.extension, source)
            yield cache

    def report(self, filled: Filled) -> None:
        """Log the numbers of entries.

        Args:
            filled: Result of :meth:`fill`.
        """
        _log(
            f"{self._folder}: {filled.num_made} {self._maker.inputs} done, "
            f"{filled.mean_segments:.1f} {self._maker.kind} each; {filled.num_kept} kept"
        )

    def finish(self, cache: Cache, filled: Filled, sources: Sequence[InputT]) -> None:
        """Draw the previews, and fail if inputs could not be read.

        Args:
            cache: The filled cache.
            filled: Result of :meth:`fill`.
            sources: The input files.

        Raises:
            BrokenFileError: If inputs could not be read.
        """
        readable = [source for source in sources if source.path not in filled.failed]
        for path in write_previews(cache, self._maker, readable, self._args.preview):
            _log(f"Preview: {path}")
        if filled.failed:
            errors = list(filled.failed.values())
            raise BrokenFileError(
                describe_failures(
                    errors, len(sources), self._maker.inputs, self._maker.kind, self.line
                )
            )


def describe_failures(
    errors: Sequence[str], num_inputs: int, inputs: str, kind: str, command: str
) -> str:
    """Return the text that names the inputs that could not be read.

    Args:
        errors: One error per input that could not be read.
        num_inputs: Number of all inputs.
        inputs: What they are, in the plural.
        kind: What they have none of now.
        command: Shell command to run when they are repaired.
    """
    more = [f"and {len(errors) - _MAX_NAMED} more"] if len(errors) > _MAX_NAMED else []
    return "\n  ".join(
        [
            f"{len(errors)} of {num_inputs} {inputs} cannot be read and have no {kind}. Repair "
            f"them, then run again: {command}",
            *errors[:_MAX_NAMED],
            *more,
        ]
    )


def _describe_source(
    path: str, info: Mapping[str, Any], made_with: str, command: str
) -> dict[str, Any]:
    """Return the entry of a manifest on the info file that a cache was made from."""
    return {
        "dataset": info["metainfo"].get("dataset"),
        "version": info["metainfo"].get("version"),
        "info_file": str(Path(path).absolute()),
        "made_with": made_with,
        "command": command,
    }


def show_resume_command(command: str) -> AbstractContextManager[None]:
    """Show a command when the user interrupts the block.

    Args:
        command: Shell command that resumes what the block does.
    """
    return advise_if_stopped(f"Finished entries are kept. To resume: {command}")


def _log(text: str) -> None:
    # Imported here: neither --help nor a worker process needs it.
    from mmengine.logging import MMLogger

    MMLogger.get_current_instance().info(text)
