"""Contents of a folder: groups of point clouds, images and calibration files."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from itertools import islice
from pathlib import Path, PurePosixPath

from perception_kd.datasets.folder.file_lists import natural_key, walk_files
from perception_kd.datasets.folder.name_parts import split_by_names
from perception_kd.datasets.folder.rig import SCENE
from perception_kd.io.point_files.readers import POINT_FORMATS

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
# Files of sensors that are not read, and what to do with them.
_IMAGES, _POINTS = "store images as PNG or JPEG", "store points as PCD"
_VIDEOS, _PACKED = "store the frames as PNG or JPEG", "unpack it"
_REMEDIES = {
    **dict.fromkeys((".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"), _IMAGES),
    **dict.fromkeys((".jp2", ".exr", ".avif", ".heic", ".dng", ".raw", ".yuv"), _IMAGES),
    **dict.fromkeys((".mp4", ".avi", ".mkv", ".mov", ".h264", ".h265"), _VIDEOS),
    **dict.fromkeys((".pcap", ".xyz", ".pts", ".e57", ".ptx", ".obj", ".stl"), _POINTS),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".zst", ".xz"), _PACKED),
    **dict.fromkeys((".bag", ".mcap", ".db3"), "convert it with create_data.py rosbag"),
}
_PLAIN_FOLDERS = {"data", "raw", "images", "image", "img", "rgb", "color", "jpg", "png", "frames"}
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
        label: Part of the file names that distinguishes it; may be empty.
    """

    pattern: str
    files: dict[str, list[str]]
    label: str = ""

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
        """Label if there is one, then the names of the folders, the nearest first."""
        scene, paths = next(iter(self.files.items()))
        folders = paths[0].split("/")[-2::-1]
        return [*filter(None, [self.label]), *(SCENE if x == scene else x for x in folders)]


@dataclass(frozen=True)
class Survey:
    """Files found in a folder.

    Attributes:
        clouds: Groups of point clouds, the largest first.
        images: Groups of images, in the order of their patterns.
        calibrations: Files that may hold calibrations, relative to the root.
        tables: Files that may hold times or poses, relative to the root.
        unread: A sentence for each kind of sensor files that are not read.
    """

    clouds: list[FileGroup]
    images: list[FileGroup]
    calibrations: list[str]
    tables: list[str]
    unread: list[str]


def survey(root: Path) -> Survey:
    """Look at all files below a folder, but not into them.

    Args:
        root: The folder.
    """
    paths = sorted(islice(walk_files(root), _MAX_FILES), key=natural_key)
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
        list(_name_unread(by_folder)),
    )


def name_groups(groups: Sequence[FileGroup], kind: str) -> list[str]:
    """Return a different name for each group: that in its files, or of its folder.

    Args:
        groups: Groups of files of one kind.
        kind: Name of one that has neither, such as "camera".
    """
    names: list[str] = []
    for group in groups:
        folders = _telling_folders(group) or [kind]
        name = folders[0]
        twins = [x for x in groups if x is not group and _telling_folders(x)[:1] == folders[:1]]
        if twins and len(folders) > 1:
            name = f"{folders[1]}_{name}"
        name = "".join(char if char.isalnum() or char in "._+-" else "_" for char in name)
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _name_unread(by_folder: Mapping[tuple[str, str], Sequence[str]]) -> Iterable[str]:
    for (folder, suffix), files in by_folder.items():
        if remedy := _REMEDIES.get(suffix.lower()):
            pattern = "/".join(filter(None, [folder, f"*{suffix}"]))
            plural = "s" * (len(files) != 1)
            yield f"not read: {pattern}, {len(files)} file{plural}; {remedy}"


def _find_scenes(folders: Sequence[str]) -> tuple[int | None, set[str]]:
    """Return the place where paths of point clouds differ, and the names there."""
    parts = [folder.split("/") for folder in folders]
    if len(parts) < 2 or len({len(x) for x in parts}) != 1:
        # A single folder below one that is called after what it holds is a scene, too.
        return _single_scene(parts)
    differing = [i for i, names in enumerate(zip(*parts, strict=True)) if len({*names}) > 1]
    # Folders that differ in their last name are two sensors, not two scenes.
    place = differing[0]
    if place == len(parts[0]) - 1:
        return None, set()
    # Each scene has the folders of one sensor, or the same ones of several.
    tails: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for names in parts:
        tails[names[place]].add(tuple(names[place + 1 :]))
    is_same = all(tail == next(iter(tails.values())) for tail in tails.values())
    return (place, {*tails}) if is_same else (None, set())


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
        escaped = [part if part == SCENE else escape(part) for part in parts]
        merged["/".join([*escaped, f"*{suffix}"])][scene] = sorted(files, key=natural_key)
    return [
        group for pattern, files in merged.items() for group in _split_by_sensor(pattern, files)
    ]


def _split_by_sensor(pattern: str, files: dict[str, list[str]]) -> list[FileGroup]:
    """Return a group for each sensor whose files lie in the same folders."""
    stems = [PurePosixPath(path).stem for paths in files.values() for path in paths]
    folder, slash, name = pattern.rpartition("/")
    suffix = name.removeprefix("*")
    groups = []
    for sensor in split_by_names(stems):
        of_sensor = {
            scene: kept
            for scene, paths in files.items()
            if (kept := [path for path in paths if sensor.has(PurePosixPath(path).stem)])
        }
        own_pattern = f"{folder}{slash}{sensor.pattern}{suffix}"
        groups.append(FileGroup(own_pattern, of_sensor, sensor.label))
    return groups


def _telling_folders(group: FileGroup) -> list[str]:
    """Return names of a group's folders without those that name no sensor."""
    folders = [x for x in group.folder_names if x != SCENE]
    return [x for x in folders if x.lower() not in _PLAIN_FOLDERS] or folders
