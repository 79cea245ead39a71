"""Files of the sensors, found by the patterns of a rig file."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from perception_kd.datasets.folder.rig import SCENE


@dataclass(frozen=True)
class SensorFile:
    """A file of a sensor.

    Attributes:
        path: Relative to the root, with slashes.
        time: When it was taken, in s.
    """

    path: str
    time: float

    @property
    def stem(self) -> str:
        """Name without folders and suffix."""
        return PurePosixPath(self.path).stem


def list_files(root: Path, pattern: str) -> dict[str, list[str]]:
    """Return the files that a pattern matches, by the name of their scene.

    Args:
        root: Folder of the recording.
        pattern: Pattern of ``files``; without ``{scene}``, the scene is "".

    Returns:
        Paths relative to the root, in the order of the numbers in their names. Hidden
        files, such as those of archives from a Mac, are left out; links are followed.
    """
    parts = pattern.split("/")
    place = parts.index(SCENE) if SCENE in parts else None
    files = defaultdict(list)
    wanted = pattern.replace(SCENE, "*").split("/")
    for found in dict.fromkeys(_match(root, (), wanted, frozenset())):
        files["" if place is None else found[place]].append("/".join(found))
    return {
        scene: sorted(files[scene], key=natural_key) for scene in sorted(files, key=natural_key)
    }


def walk_files(root: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it.

    Links to folders are followed, but not into a folder that they lie in. Hidden files
    and folders are left out.

    Args:
        root: The folder.
    """
    for found in _match(root, (), ("**", "*"), frozenset()):
        yield "/".join(found)


def _match(
    root: Path, above: tuple[str, ...], wanted: Sequence[str], inside: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    """Yield the parts of paths of files that match the parts of a pattern.

    Args:
        root: Folder of the recording.
        above: Folders within it that matched.
        wanted: The rest of the pattern.
        inside: Folders that ``above`` lies in, by their true paths, below ``**``.
    """
    folder, part = root.joinpath(*above), wanted[0]
    if part == "**":
        yield from _match(root, above, wanted[1:], inside)
        true_path = os.path.realpath(folder)
        if true_path not in inside:
            for name in _list_folder(folder):
                if (folder / name).is_dir():
                    yield from _match(root, (*above, name), wanted, inside | {true_path})
        return
    if has_wildcard(part) or not (folder / part).exists():
        names = [name for name in _list_folder(folder) if _fits(name, part)]
    else:
        names = [part]
    for name in names:
        if len(wanted) > 1:
            if (folder / name).is_dir():
                yield from _match(root, (*above, name), wanted[1:], inside)
        elif not name.startswith(".") and (folder / name).is_file():
            yield (*above, name)


def _list_folder(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except PermissionError:  # such as lost+found of a disk
        return []


def _fits(name: str, pattern: str) -> bool:
    """Return whether a name matches; letters with marks may be one character or two."""
    return fnmatchcase(normalize("NFC", name), normalize("NFC", pattern))


def has_wildcard(part: str) -> bool:
    """Return whether a part of a pattern has a character that stands for others."""
    return any(char in part for char in "*?[")


def natural_key(path: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts "2.pcd" before "10.pcd"."""
    words = re.split(r"(\d+)", path)
    return [(1, int(word), word) if word.isdecimal() else (0, 0, word) for word in words]


def describe_found(root: Path, pattern: str) -> str:
    """Describe the folder in which no file matches a pattern.

    Args:
        root: Folder of the recording.
        pattern: Pattern that matches nothing.
    """
    folder, parts = root, pattern.split("/")
    for part in parts[:-1]:
        if has_wildcard(part) or "{" in part or not (folder / part).is_dir():
            break
        folder = folder / part
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())[:6]
    return f"{folder} has {_join(names) or 'no files'}"


def _join(names: Sequence[str]) -> str:
    return ", ".join(names)
