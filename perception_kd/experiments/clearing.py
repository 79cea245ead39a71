"""Removes the outputs of an outdated stage, and no other file."""

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from perception_kd.experiments.folders import Folders
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamp_format import Stamp
from perception_kd.io.atomic import write_whole

# A file in a data root that a stage has made: a text that only its stamp repeats.
OWNER_FILE = ".made_by_stage"
_DATA = "data:"


class Clearing:
    """Finds and removes the output files of stages.

    A file is removed only if it matches the outputs of its stage, lies in one of the
    folders, and was recorded by the stage that made it. In a data root the stage must
    also have left its mark, which a stamp from elsewhere cannot know.

    Args:
        folders: The folders that stages may write to.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def named_files(self, stage: Stage) -> dict[str, Path]:
        """Return the existing output files of a stage, by name."""
        return {name: Path(p) for p in stage.files() if (name := self._folders.name(p))}

    def recorded_files(self, stage: Stage, stamp: Stamp) -> dict[str, Path]:
        """Return the existing output files that a stamp has recorded, by name."""
        return {n: path for n, path in self.named_files(stage).items() if n in stamp.files}

    def has_foreign_files(self, stage: Stage, has_run: bool) -> bool:
        """Return whether output files exist that an earlier run has not written.

        Args:
            stage: A stage without a usable stamp.
            has_run: Whether it has a stamp that is not usable.
        """
        names = self.named_files(stage)
        return any(not has_run or name.startswith(_DATA) for name in names)

    def sign(self, stage: Stage) -> str:
        """Mark the data root as made by a stage; return the text, empty without one."""
        files = self.named_files(stage)
        roots = {self._folders.find(_DATA + OWNER_FILE) for n in files if n.startswith(_DATA)}
        text = secrets.token_hex(16)
        for path in roots - {None}:
            write_whole(str(path), text.encode())
        return text if roots else ""

    def remove_outputs(self, stage: Stage, stamp: Stamp | None, has_run: bool) -> None:
        """Remove what an earlier run of a stage wrote, but no file from before it.

        Args:
            stage: The stage.
            stamp: Its stamp; None if it is missing or not usable.
            has_run: Whether it has a stamp, usable or not.

        Raises:
            ExperimentError: If files of others are in the way.
        """
        if stage.folder is not None:
            self._remove_folder(stage.name, stage.folder, has_run)
            return
        files = self.recorded_files(stage, stamp) if stamp else {}
        if not stamp or not files:
            return
        if stamp.found or not self._is_owner(files, stamp.owner):
            raise ExperimentError(
                f"{stage.name} has to run again, but {os.path.commonpath(files.values())} existed "
                "before its first run and would be overwritten; remove it, or choose another "
                "folder."
            )
        marks = [self._folders.find(_DATA + OWNER_FILE)] if stamp.owner else []
        for path in [*files.values(), *filter(None, marks)]:
            if self._folders.holds(path):
                path.unlink(missing_ok=True)
        _remove_empty(files.values(), stage.territory())

    def _remove_folder(self, name: str, folder: Path, has_run: bool) -> None:
        if not os.path.lexists(folder):
            return
        if not has_run:
            raise ExperimentError(
                f"{folder} already exists, but {name} has not written it; remove it, "
                "or choose another --work-dir."
            )
        if not self._folders.name(folder) or not self._folders.holds(folder) or folder.is_symlink():
            raise ExperimentError(f"{folder} of {name} is not in the work dir; remove it yourself.")
        shutil.rmtree(folder)

    def _is_owner(self, files: Iterable[str], owner: str) -> bool:
        """Return whether a stamp belongs to the data root of the files, if any."""
        if not any(name.startswith(_DATA) for name in files):
            return True
        path = self._folders.find(_DATA + OWNER_FILE)
        try:
            return bool(owner) and path is not None and path.read_text() == owner
        except (OSError, UnicodeDecodeError):
            return False


def _remove_empty(files: Iterable[Path], territory: Iterable[Path]) -> None:
    """Remove empty folders: those above removed files, and those below a territory.

    Args:
        files: Removed files.
        territory: Folders in which any empty one is removed.
    """
    files = list(files)
    top = Path(os.path.commonpath(files)) if len(files) > 1 else files[0].parent
    folders = {folder for path in files for folder in path.parents if folder.is_relative_to(top)}
    folders |= {Path(folder) for whole in territory for folder, _, _ in os.walk(whole)}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        if folder.is_dir() and not os.listdir(folder):
            folder.rmdir()
