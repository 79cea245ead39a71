"""The folders of an experiment: names for the files in them, and their borders.

Nothing outside these folders is written or removed, whatever a file in them says.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.workspace import Workspace


class Folders:
    """The work dir (``work``) and the folder of the data set (``data``).

    A file in them has a name that stays the same when the folders are moved or copied,
    such as ``work:info/nuscenes_infos_val.pkl``.

    Args:
        workspace: Folders of the stages.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._options = {
            "work": ("--work-dir", workspace.work_dir),
            "data": ("--data-root", workspace.data_root),
        }
        roots = {key: _absolute(path) for key, (_, path) in self._options.items()}
        # One may lie in the other; its files are named after the inner one.
        self._roots = dict(sorted(roots.items(), key=lambda item: -len(item[1].parts)))

    def name(self, path: str | Path) -> str:
        """Return the name of a file or folder; empty if it is outside."""
        path = _absolute(path)
        for key, root in self._roots.items():
            if path.is_relative_to(root):
                return f"{key}:{path.relative_to(root)}"
        return ""

    def rename(self, word: str) -> str:
        """Return a word of a command with the name of the file in it.

        Args:
            word: Word, such as a path, or NAME=PATH.
        """
        option, equals, value = word.partition("=")
        return self.name(word) or (option + equals + (self.name(value) or value))

    def find(self, name: str) -> Path | None:
        """Return the path of a named file; None for a name that leads outside."""
        key, _, relative = name.partition(":")
        parts = PurePosixPath(relative).parts
        if key not in self._roots or not parts or ".." in parts or parts[0] == "/":
            return None
        return self._roots[key] / relative

    def holds(self, path: Path) -> bool:
        """Return whether a path stays inside once its symbolic links are followed."""
        parent = Path(os.path.realpath(path.parent))
        return any(parent.is_relative_to(os.path.realpath(r)) for r in self._roots.values())

    def check(self, stages: Iterable[Stage]) -> None:
        """Check that the folders are separate and that no link leads out of them.

        Args:
            stages: All stages; none may own a folder that one of these two lies in.

        Raises:
            ExperimentError: If that is not so; the message has the remedy.
        """
        if len(set(self._roots.values())) < len(self._roots):
            work_dir = self._options["work"][1]
            raise ExperimentError(
                f"--work-dir and --data-root are the same folder, {work_dir}; choose two."
            )
        owned = [(stage.name, _absolute(f)) for stage in stages for f in stage.territory()]
        for key, (option, folder) in self._options.items():
            for name, territory in owned:
                if self._roots[key].is_relative_to(territory):
                    raise ExperimentError(
                        f"{option} {folder} lies in {territory}, where the stage {name} removes "
                        "old files; choose another folder."
                    )
        makes_data = any(self.name(folder).startswith("data:") for _, folder in owned)
        for key, (option, folder) in self._options.items():
            # Data that no stage makes is only read, wherever its links lead.
            if key == "data" and not makes_data:
                continue
            root = os.path.realpath(self._roots[key])
            for link in _walk_links(self._roots[key]):
                target = os.path.realpath(link)
                leads_out = not Path(target).is_relative_to(root)
                if leads_out and Path(link) not in self._roots.values():
                    raise ExperimentError(
                        f"{option} {folder} contains a symbolic link that leads out of it, {link} "
                        f"-> {target}; remove the link, so that no other files are changed."
                    )


def _walk_links(folder: Path) -> Iterator[str]:
    """Yield the symbolic links in a folder, at any depth."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path):
                yield path


def _absolute(path: str | Path) -> Path:
    """Return an absolute path without ``..``; symbolic links are kept."""
    return Path(os.path.abspath(path))
