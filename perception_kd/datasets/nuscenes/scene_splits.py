"""Splits of the scenes that are converted: official ones, a file, or options."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from perception_kd.datasets.nuscenes.splits import NUSCENES_VERSIONS, split_names, split_scenes
from perception_kd.io.bounded import read_bounded
from perception_kd.io.names import safe_name

SPLITS_FILE = "splits.json"
_MAX_BYTES = 2**24
_USUAL_SPLITS = ("train", "val", "test")


def choose_splits(
    tables: Path, given: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[str]]:
    """Return the names of the scenes of each split.

    Args:
        tables: Folder of the tables, whose name is the version.
        given: Names of scenes by split, which replace all others.

    Returns:
        The given splits; else those of ``splits.json`` in the folder of the tables, an
        object with a list of scenes for each split; else the official ones.

    Raises:
        ValueError: If there are none, a scene is in two splits, or the file is broken.
    """
    path = tables / SPLITS_FILE
    if given:
        splits = {name: list(scenes) for name, scenes in given.items()}
    elif path.is_file():
        splits = _read_splits(path)
    elif tables.name in NUSCENES_VERSIONS:
        splits = {name: split_scenes(tables.name, name) for name in split_names(tables.name)}
    else:
        raise ValueError(
            f"{tables.name} is not a version of nuScenes, so its splits are unknown; name its "
            f'scenes in {path} as {{"train": ["scene", ...], "val": [...]}}, or give '
            "--train-scenes and --val-scenes, files with one name per line."
        )
    split_of: dict[str, str] = {}
    for split, scenes in splits.items():
        for scene in scenes:
            if split_of.setdefault(scene, split) != split:
                raise ValueError(
                    f"Scene {scene} is in the splits {split_of[scene]} and {split}; a scene must "
                    "be in one, as results on known scenes mean nothing; correct the splits."
                )
    return splits


def find_unknown(
    splits: Mapping[str, Sequence[str]], scenes: Collection[str], tables: Path
) -> list[str]:
    """Return lines on names of your own splits that are perhaps misspelled.

    Args:
        splits: Names of scenes by split.
        scenes: Names of all scenes.
        tables: Folder of the tables.
    """
    lines = []
    known = set(scenes)
    if unknown := [x for names in splits.values() for x in names if x not in known]:
        lines.append(
            f"{len(unknown)} scenes of the splits are not in {tables / 'scene.json'}, such as "
            f"{unknown[0]}."
        )
    if unusual := [split for split in splits if split not in _USUAL_SPLITS]:
        lines.append(
            f"Splits that no config reads by default: {', '.join(unusual)}; usual names "
            f"are {', '.join(_USUAL_SPLITS)}."
        )
    return lines


def _read_splits(path: Path) -> dict[str, list[str]]:
    data = read_bounded(path, "file of splits", "write one.", _MAX_BYTES)
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file: {error}; correct it.") from error
    good = isinstance(content, dict) and all(
        isinstance(scenes, list) and all(isinstance(scene, str) for scene in scenes)
        for scenes in content.values()
    )
    if not good or not content:
        raise ValueError(
            f'{path} must be {{"train": ["scene", ...], ...}}, a list of names for each split; '
            "correct it."
        )
    return {safe_name(split, f"a split of {path}"): scenes for split, scenes in content.items()}
