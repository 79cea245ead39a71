"""Contents of a folder: groups of point clouds, images and calibration files."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from perception_kd.datasets.folder.file_lists import natural_key
from perception_kd.datasets.folder.rig import SCENE
from perception_kd.io.point_files.readers import POINT_FORMATS

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
_CALIBRATION_SUFFIXES = (".json", ".yaml", ".yml", ".txt")
_TABLE_SUFFIXES = (".txt", ".csv")
_MAX_FILES = 1_000_000
_MAX_TEXT_BYTES = 2**24


@dataclass(frozen=True)
class FileGroup:
    """Files of one sensor.

    Attributes:
        pattern: Pattern that matches them, with ``{scene}`` for folders of scenes.
        files: By scene, in the order of their names, relative to the root.
    """

    pattern: str
    files: dict[str, list[str]]

    @property
    def count(self) -> int:
        """Number of files."""
        return sum(map(len, self.files.values()))

    @property
    def first(self) -> str:
        """First file."""
        return next(iter(self.files.values()))[0]

    @property
    def folder_names(self) -> list[str]:
        """Names of the folders, the nearest first."""
        return self.pattern.split("/")[-2::-1]


@dataclass(frozen=True)
class Survey:
    """Files found in a folder.

    Attributes:
        clouds: Groups of point clouds, the largest first.
        images: Groups of images, in the order of their patterns.
        calibrations: Files that may hold calibrations, relative to the root.
        tables: Files that may hold times or poses, relative to the root.
    """

    clouds: list[FileGroup]
    images: list[FileGroup]
    calibrations: list[str]
    tables: list[str]


def survey(root: Path) -> Survey:
    """Look at all files below a folder, but not into them.

    Args:
        root: The folder.
    """
    paths = list(islice(_walk(root), _MAX_FILES))
    by_folder: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        folder, _, name = path.rpartition("/")
        by_folder[folder, Path(name).suffix].append(path)
    clouds = {key: x for key, x in by_folder.items() if key[1].lower() in POINT_FORMATS}
    images = {key: x for key, x in by_folder.items() if key[1].lower() in IMAGE_SUFFIXES}
    place, scenes = _find_scenes([folder for folder, _ in clouds])
    texts = [x for x in paths if (root / x).stat().st_size <= _MAX_TEXT_BYTES]
    return Survey(
        sorted(_merge(clouds, place, scenes), key=lambda group: -group.count),
        sorted(_merge(images, place, scenes), key=lambda group: natural_key(group.pattern)),
        [x for x in texts if Path(x).suffix.lower() in _CALIBRATION_SUFFIXES],
        [x for x in texts if Path(x).suffix.lower() in _TABLE_SUFFIXES],
    )


def _walk(root: Path) -> Iterable[str]:
    for path in sorted(root.rglob("*"), key=lambda x: natural_key(x.as_posix())):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            yield "/".join(parts)


def _find_scenes(folders: Sequence[str]) -> tuple[int | None, set[str]]:
    """Return where paths of point clouds differ, and the names there."""
    parts = [folder.split("/") for folder in folders]
    if len(parts) < 2 or len({len(x) for x in parts}) != 1:
        # A single folder below one that is called after what it holds is a scene, too.
        return _single_scene(parts)
    differing = [i for i, names in enumerate(zip(*parts, strict=True)) if len({*names}) > 1]
    if len(differing) != 1:
        return None, set()
    # Folders that differ in their last name are two sensors, not two scenes.
    place = differing[0]
    is_last = place == len(parts[0]) - 1
    return (None, set()) if is_last else (place, {x[place] for x in parts})


def _single_scene(parts: Sequence[Sequence[str]]) -> tuple[int | None, set[str]]:
    if len(parts) == 1:
        for place, name in enumerate(parts[0][:-1]):
            if re.fullmatch(r"sequences|scenes|drives|clips|logs", name) and place + 2 < len(
                parts[0]
            ):
                return place + 1, {parts[0][place + 1]}
    return None, set()


def _merge(
    groups: dict[tuple[str, str], list[str]], place: int | None, scenes: set[str]
) -> list[FileGroup]:
    merged: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for (folder, suffix), files in groups.items():
        parts = folder.split("/") if folder else []
        scene = ""
        if place is not None and place < len(parts) and parts[place] in scenes:
            scene, parts[place] = parts[place], SCENE
        merged["/".join([*parts, f"*{suffix}"])][scene] = sorted(files, key=natural_key)
    return [FileGroup(pattern, files) for pattern, files in merged.items()]
