"""Files of the sensors, found by the patterns of a rig file."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
        files, such as those of archives from a Mac, are left out.
    """
    parts = pattern.split("/")
    place = parts.index(SCENE) if SCENE in parts else None
    files = defaultdict(list)
    for path in root.glob(pattern.replace(SCENE, "*")):
        relative = path.relative_to(root)
        if not path.name.startswith(".") and path.is_file():
            files["" if place is None else relative.parts[place]].append(relative.as_posix())
    return {
        scene: sorted(files[scene], key=natural_key) for scene in sorted(files, key=natural_key)
    }


def natural_key(path: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts "2.pcd" before "10.pcd"."""
    words = re.split(r"(\d+)", path)
    return [(1, int(word), word) if word.isdecimal() else (0, 0, word) for word in words]


def describe_found(root: Path, pattern: str) -> str:
    """Return what is there in place of the files of a pattern.

    Args:
        root: Folder of the recording.
        pattern: Pattern that matches nothing.
    """
    folder, parts = root, pattern.split("/")
    for part in parts[:-1]:
        if any(char in part for char in "*?[{") or not (folder / part).is_dir():
            break
        folder = folder / part
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())[:6]
    return f"{folder} has {_join(names) or 'no files'}"


def _join(names: Sequence[str]) -> str:
    return ", ".join(names)
